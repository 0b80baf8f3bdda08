"""The starter model: a tiny, real, trained Stable Diffusion and the image world it knows.

`world` draws captioned scenes, `build` trains every part from nothing, `measure` says how good
the shipped weights are. Nothing here is needed to use another base model.
"""
