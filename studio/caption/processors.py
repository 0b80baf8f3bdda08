"""What prepares images and words for a model of transformers, also where torchvision is missing.

Owns: that a processor whose only missing part reads videos is loaded without that part.
Refuses to know: models, questions.
"""

from __future__ import annotations

from typing import Any


def load_processor(place: str, model_type: str) -> Any:
    """The processor in a folder; whatever transformers raises."""
    from transformers import AutoProcessor

    try:
        return AutoProcessor.from_pretrained(place, trust_remote_code=False, local_files_only=True)
    except ImportError as error:
        if "VideoProcessor" not in str(error):
            raise
        return _for_images(place, model_type)


def _for_images(place: str, model_type: str) -> Any:
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    named: Any = getattr(transformers, str(PROCESSOR_MAPPING_NAMES[model_type]))

    class ForImages(named):
        """The same processor without the part that reads videos."""

        apply_chat_template = transformers.ProcessorMixin.apply_chat_template  # asks nothing of it

        def check_argument_for_proper_class(self, name: str, argument: Any) -> Any:
            if name == "video_processor" and argument is None:
                return None
            return super().check_argument_for_proper_class(name, argument)

    parts = {
        "image_processor": transformers.AutoImageProcessor,
        "tokenizer": transformers.AutoTokenizer,
    }
    loaded = [
        parts[part].from_pretrained(place, trust_remote_code=False, local_files_only=True)
        if part in parts
        else None
        for part in named.get_attributes()
    ]
    values, _ = named.get_processor_dict(place, local_files_only=True)
    values.setdefault("chat_template", getattr(loaded[1], "chat_template", None))
    return ForImages.from_args_and_dict(loaded, values)
