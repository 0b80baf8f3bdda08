"""Words for images: models that describe them, and edits over many captions at once.

Owns: captioning and bulk edits. Refuses to know: where captions are stored (`formats.dataset`),
training, the page. Importing this package imports no torch.
"""
