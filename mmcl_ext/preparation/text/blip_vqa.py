from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmcl_ext.preparation.text.vqa_source import ForcedAnswer, VQASource
from mmcl_ext.registry import TEXT_SOURCES


@TEXT_SOURCES.register_module()
class BlipVQA(VQASource):
    """BLIP's model for visual question answering, the choice of MMCL (arXiv 2407.15706).

    Li et al., "BLIP: Bootstrapping Language-Image Pre-training", ICML 2022. As in the reference
    implementation of MMCL, answers come from three beams of at most ten tokens, and
    ``token_ids`` begins with the start token and holds the end token: three ids for a yes or a
    no.

    Args:
        image_size: Pixels of the square that images are resized to; the position embeddings are
            interpolated. None for the size of the checkpoint.
    """

    model_class = 'BlipForQuestionAnswering'
    default_generation: ClassVar[Mapping[str, Any]] = {
        'num_beams': 3,
        'max_length': 10,
        'min_length': 1,
    }

    def __init__(self, *args: Any, image_size: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.image_size = image_size

    @property
    def recipe(self) -> Mapping[str, object]:
        """Recipe of the base class, and the image size."""
        return {**super().recipe, 'image_size': self.image_size}

    @property
    def start_tokens(self) -> tuple[int, ...]:
        """The decoder's start token."""
        return (self.model.decoder_start_token_id,)

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """The separator."""
        return (self.model.config.text_config.sep_token_id,)

    def encode(self, images: Sequence[Image.Image]) -> Tensor:
        """Read images and question together: hidden states (N, Lq, D) of the question."""
        side = self.image_size
        resized = {} if side is None else {'size': {'height': side, 'width': side}}
        inputs = self.processor(
            images=list(images),
            text=[self.question] * len(images),
            return_tensors='pt',
            **resized,
        ).to(self.device)
        pixels = inputs['pixel_values'].to(self.dtype)
        vision = self.model.vision_model(
            pixel_values=pixels, interpolate_pos_encoding=side is not None
        ).last_hidden_state
        encoded: Tensor = self.model.text_encoder(
            input_ids=inputs['input_ids'],
            attention_mask=inputs['attention_mask'],
            encoder_hidden_states=vision,
            encoder_attention_mask=_ones(vision),
        ).last_hidden_state
        return encoded

    def generate(self, prompt: Tensor) -> list[Tensor]:
        """Generate the answers, as ``BlipForQuestionAnswering.generate`` does."""
        start = torch.full((len(prompt), 1), self.start_tokens[0], device=self.device)
        sequences = self.model.text_decoder.generate(
            input_ids=start,
            eos_token_id=self.end_tokens[0],
            pad_token_id=self.model.config.text_config.pad_token_id,
            encoder_hidden_states=prompt,
            encoder_attention_mask=_ones(prompt),
            **self.generation,
        )
        return [self._cut(sequence[1:]) for sequence in sequences]

    def force(self, prompt: Tensor, answers: Sequence[Tensor]) -> list[ForcedAnswer]:
        """Run the decoder once over given answers."""
        start = torch.tensor(self.start_tokens, device=self.device)
        ids = pad_sequence([torch.cat([start, answer]) for answer in answers], batch_first=True)
        lengths = torch.tensor([len(answer) + 1 for answer in answers], device=self.device)
        positions = torch.arange(ids.shape[1], device=self.device)
        decoder = self.model.text_decoder
        hidden = decoder.bert(
            input_ids=ids,
            attention_mask=(positions < lengths[:, None]).long(),
            encoder_hidden_states=prompt,
            encoder_attention_mask=_ones(prompt),
            is_decoder=True,
            use_cache=False,
        ).last_hidden_state.float()
        # The state at a token tells the next one.
        scores = decoder.cls(hidden[:, :-1].to(self.dtype)).float().log_softmax(-1)
        log_prob = scores.gather(-1, ids[:, 1:, None])[..., 0]
        return [
            ForcedAnswer(hidden[row, 1 : len(answer) + 1], log_prob[row, : len(answer)])
            for row, answer in enumerate(answers)
        ]


def _ones(states: Tensor) -> Tensor:
    """Attention mask (N, L) for states (N, L, D) without padding."""
    return torch.ones(states.shape[:2], dtype=torch.long, device=states.device)
