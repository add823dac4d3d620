"""Vision-language models of transformers that answer questions."""

import inspect
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
    no. Images are resized to a square of ``image_size`` pixels, for which the position embeddings
    are interpolated; by default to the size of the checkpoint.
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


_PER_TOKEN = ('input_ids', 'attention_mask', 'token_type_ids', 'mm_token_type_ids')
"""Inputs with one value per token of the prompt, which grow with the answer."""


@TEXT_SOURCES.register_module()
class ImageTextVQA(VQASource):
    """Any image-text-to-text model of transformers: LLaVA, DeepSeek-VL, BLIP-2, Qwen-VL, ...

    The question goes through the chat template of the processor where it has one. Where not, it
    is the whole prompt, behind the image token if the processor does not set that itself. A
    ``template`` is used in place of both: text of the prompt with ``{question}`` in it, and the
    model's image token where it needs one.
    """

    model_class = 'AutoModelForImageTextToText'
    default_generation: ClassVar[Mapping[str, Any]] = {'max_new_tokens': 10, 'num_beams': 1}

    def __init__(self, *args: Any, template: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if template is not None and '{question}' not in template:
            raise ValueError(f"template {template!r} has no '{{question}}'")
        self.template = template

    @property
    def recipe(self) -> Mapping[str, object]:
        """Recipe of the base class, and the template."""
        return {**super().recipe, 'template': self.template}

    @property
    def prompt(self) -> str:
        """What the processor gets as text."""
        if self.template is not None:
            return self.template.replace('{question}', self.question)
        if getattr(self.processor, 'chat_template', None):
            content = [{'type': 'image'}, {'type': 'text', 'text': self.question}]
            messages = [{'role': 'user', 'content': content}]
            text: str = self.processor.apply_chat_template(messages, add_generation_prompt=True)
            return text
        image_token = getattr(self.processor, 'image_token', None)
        # Processors that count query tokens (BLIP-2, InstructBLIP) set the image tokens.
        if image_token is None or hasattr(self.processor, 'num_query_tokens'):
            return self.question
        return f'{image_token}\n{self.question}'

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """The end tokens of the generation settings."""
        given = self.generation.get('eos_token_id', self.model.generation_config.eos_token_id)
        if given is None:
            given = self.processor.tokenizer.eos_token_id
        return tuple(given) if isinstance(given, (list, tuple)) else (given,)

    def load(self) -> None:
        """Load processor and model; prompts are padded on the left, as generation needs."""
        super().load()
        tokenizer = self.processor.tokenizer
        tokenizer.padding_side = 'left'
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token

    def encode(self, images: Sequence[Image.Image]) -> dict[str, Tensor]:
        """Bring images and prompt into the model's form, on its device."""
        inputs = self.processor(
            images=list(images),
            text=[self.prompt] * len(images),
            padding=True,
            return_tensors='pt',
        )
        return {
            key: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for key, value in inputs.items()
        }

    def generate(self, prompt: Mapping[str, Tensor]) -> list[Tensor]:
        """Generate the answers."""
        settings = {
            'pad_token_id': self.processor.tokenizer.pad_token_id,
            'eos_token_id': list(self.end_tokens),
            **self.generation,
            'suppress_tokens': self._suppressed,
        }
        sequences = self.model.generate(**prompt, **settings)
        ids = prompt['input_ids']
        if self._has_encoder:
            sequences = sequences[:, 1:]  # without the decoder's start token
        elif torch.equal(sequences[:, : ids.shape[1]], ids):
            sequences = sequences[:, ids.shape[1] :]
        return [self._cut(sequence) for sequence in sequences]

    def force(self, prompt: Mapping[str, Tensor], answers: Sequence[Tensor]) -> list[ForcedAnswer]:
        """Run the model once over given answers, behind the prompt or in its decoder."""
        if self._has_encoder:
            start = torch.tensor([self._text_config.decoder_start_token_id], device=self.device)
            starts = [start] * len(answers)
            rows = [torch.cat([start, answer]) for answer in answers]
            mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
            ids = pad_sequence(rows, batch_first=True)
            inputs = {**prompt, 'decoder_input_ids': ids, 'decoder_attention_mask': mask}
        else:
            inputs, starts = self._extend(prompt, answers)
        first = min(len(start) for start in starts) - 1
        hidden, scores = self._run(inputs, first)
        forced = []
        for row, (start, answer) in enumerate(zip(starts, answers, strict=True)):
            begin, length = len(start) - first, len(answer)
            # The state at a token tells the next one.
            told = scores[row, begin - 1 : begin - 1 + length].float().log_softmax(-1)
            log_prob = told.gather(-1, answer[:, None])[:, 0]
            forced.append(ForcedAnswer(hidden[row, begin : begin + length].float(), log_prob))
        return forced

    def _extend(
        self, prompt: Mapping[str, Tensor], answers: Sequence[Tensor]
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Append the answers to the prompts, padded on the right; also return the prompts.

        A forward pass numbers the tokens from the left, so nothing may stand before them.
        """
        kept = prompt['attention_mask'].bool()
        starts = [ids[mask] for ids, mask in zip(prompt['input_ids'], kept, strict=True)]
        inputs = dict(prompt)
        for key in _PER_TOKEN:
            if key not in prompt:
                continue
            rows = []
            for value, mask, answer in zip(prompt[key], kept, answers, strict=True):
                tail = answer if key == 'input_ids' else torch.zeros_like(answer)
                tail = torch.ones_like(answer) if key == 'attention_mask' else tail
                rows.append(torch.cat([value[mask], tail]))
            pad = self.processor.tokenizer.pad_token_id if key == 'input_ids' else 0
            inputs[key] = pad_sequence(rows, batch_first=True, padding_value=pad)
        return inputs, starts

    def _run(self, inputs: Mapping[str, Tensor], first: int) -> tuple[Tensor, Tensor]:
        """Run a forward pass; hidden states and scores from position ``first`` on.

        The hidden states are what goes into the output layer, which all models have.
        """
        length = inputs.get('decoder_input_ids', inputs['input_ids']).shape[1]
        options: dict[str, Any] = {'use_cache': False}
        if 'logits_to_keep' in inspect.signature(self.model.forward).parameters:
            options['logits_to_keep'] = length - first
        caught: list[Tensor] = []
        layer = self.model.get_output_embeddings()
        handle = layer.register_forward_pre_hook(lambda _, args: caught.append(args[0]))
        try:
            scores = self.model(**inputs, **options).logits
        finally:
            handle.remove()
        return caught[-1][:, first - length :], scores[:, first - length :]

    @property
    def _suppressed(self) -> list[int]:
        """Tokens that no answer holds, placeholders of images among them.

        A model takes a placeholder in its own answer for one more image and fails.
        """
        given = self.generation.get('suppress_tokens', self.model.generation_config.suppress_tokens)
        names = ('image_token_id', 'image_token_index', 'video_token_id')
        placeholders = {getattr(self.model.config, name, None) for name in names} - {None}
        return sorted({*(given or ()), *placeholders})

    @property
    def _text_config(self) -> Any:
        return self.model.config.get_text_config(decoder=True)

    @property
    def _has_encoder(self) -> bool:
        return bool(self.model.config.is_encoder_decoder or self._text_config.is_encoder_decoder)
