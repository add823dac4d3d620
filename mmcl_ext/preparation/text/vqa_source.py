"""Questions about composite images, answered by a vision-language model."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor

from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.mmcl.transforms.load_composite_image import LoadCompositeImage
from mmcl_ext.preparation.extraction.model_files import load_pretrained, model_recipe, own_device
from mmcl_ext.preparation.extraction.sharding import SampleFeatures


class CompositeReader(LoadCompositeImage):
    """Reads composite images at the size they have, as a model's own processor wants them."""

    @property
    def names(self) -> list[str]:
        """Sample names of a folder, sorted; FileNotFoundError where there are none."""
        found = sorted(Path(self.img_dir).glob(f'*{self.suffix}'))
        names = [path.name.removesuffix(self.suffix) for path in found if path.name[0] != '.']
        if not names:
            raise FileNotFoundError(f'{self.img_dir} has no *{self.suffix}')
        return names

    @property
    def recipe(self) -> object:
        """What made the images, as their folder says; None where it says nothing."""
        file = Path(self.img_dir, 'recipe.json')
        return read_json(file) if file.is_file() else None

    def read(self, name: str) -> np.ndarray:
        """Read and decode an image: uint8 RGB (H, W, 3)."""
        return np.ascontiguousarray(self.decode(name)[:, :, ::-1])


_OUTPUTS = ('token_ids', 'hidden_states', 'answer_probs')


@dataclass(frozen=True)
class ForcedAnswer:
    """An answer that was put into a model's mouth.

    ``hidden`` (L, D) is the last hidden state of the decoder at each of its tokens, ``log_prob``
    (L,) the log probability of each token given those before it.
    """

    hidden: Tensor
    log_prob: Tensor


@dataclass(frozen=True)
class VQAOptions:
    """What a vision-language model is asked for, and how it runs.

    ``pooling`` is that of ``hidden_states``; ``generation`` replaces settings of ``generate`` that
    the class has. Without ``dtype`` it runs in float32 on a CPU, and in half precision on a GPU:
    the half type that the checkpoint has, else float16. The device is by default this process's
    GPU, or the CPU where there is none. A ValueError for an unknown output, pooling or dtype, for
    no answers, or where sampling was asked for.
    """

    outputs: Sequence[str] = ('hidden_states',)
    answers: Sequence[str] = ('yes', 'no')
    pooling: Literal['mean', 'tokens'] = 'mean'
    revision: str | None = None
    dtype: str | None = None
    generation: Mapping[str, Any] = field(default_factory=dict)
    trust_remote_code: bool = False
    device: str | None = None
    suffix: str = '.jpg'
    backend_args: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        unknown = [output for output in self.outputs if output not in _OUTPUTS]
        if unknown or not self.outputs:
            raise ValueError(f'outputs are {self.outputs}, expected some of {_OUTPUTS}')
        if self.pooling not in ('mean', 'tokens'):
            raise ValueError(f"pooling is {self.pooling!r}, expected 'mean' or 'tokens'")
        if self.dtype not in (None, 'float32', 'float16', 'bfloat16'):
            raise ValueError(f'dtype is {self.dtype!r}, expected float32, float16, bfloat16')
        if 'answer_probs' in self.outputs and len(self.answers) < 2:
            raise ValueError(f'answer_probs needs two answers or more, got {self.answers}')
        if self.generation.get('do_sample'):
            raise ValueError('do_sample=True would give other answers after a restart')


class VQASource(ABC):
    """Base of the vision-language models that answer a question about each composite.

    Three outputs, of which any may be asked for:

    - ``token_ids``: the generated answer, int64, padded on the right to the longest answer.
    - ``hidden_states``: last hidden states of the decoder, float32, from one pass over the
      generated answer. They are taken at the tokens of the answer, without its start and end
      tokens (an empty answer has only its end token): their mean (D,), or all of them, padded
      with zeros to (L, D).
    - ``answer_probs``: the probability of each of a list of answers, their end included,
      normalised over the list, float32 (A,).

    Generation is greedy or by beams, so that a rerun gives the same answers. ``folder`` holds the
    composites, ``options`` are those of :class:`VQAOptions`.
    """

    model_class: ClassVar[str]
    default_generation: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self, folder: str | os.PathLike, model: str | os.PathLike, question: str, **options: Any
    ) -> None:
        given = VQAOptions(**options)
        self.images = CompositeReader(folder, suffix=given.suffix, backend_args=given.backend_args)
        self.model_name, self.question = os.fspath(model), question
        self.outputs, self.answers = tuple(given.outputs), tuple(given.answers)
        self.pooling, self.given_dtype = given.pooling, given.dtype
        self.generation = {**self.default_generation, 'do_sample': False, **given.generation}
        self.device = torch.device(given.device or own_device())
        self._hub = dict(revision=given.revision, trust_remote_code=given.trust_remote_code)
        self.model: Any = None
        self.processor: Any = None

    @property
    def names(self) -> list[str]:
        """Sample names of the folder, sorted."""
        return self.images.names

    @property
    def padding(self) -> Mapping[str, float | None]:
        """What fills the short samples of each output."""
        pooled = None if self.pooling == 'mean' else 0.0
        fills = {'token_ids': 0.0, 'hidden_states': pooled, 'answer_probs': None}
        return {output: fills[output] for output in self.outputs}

    @property
    def recipe(self) -> Mapping[str, object]:
        """Model, question and settings; reads the model's files once to hash them."""
        asked = 'answer_probs' in self.outputs
        return {
            'source': type(self).__name__,
            **model_recipe(self.model_name, self._config),
            'question': self.question,
            'answers': list(self.answers) if asked else None,
            'pooling': self.pooling if 'hidden_states' in self.outputs else None,
            'generation': self.generation,
            'dtype': str(self.dtype).removeprefix('torch.'),
            'device': self.device.type,
            'images': self.images.recipe,
            'versions': {'torch': torch.__version__, 'transformers': transformers.__version__},
        }

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        if self.given_dtype is not None:
            found: torch.dtype = getattr(torch, self.given_dtype)
            return found
        if self.device.type == 'cpu':
            return torch.float32
        stored = self._config().dtype
        return stored if stored in (torch.float16, torch.bfloat16) else torch.float16

    def load(self) -> None:
        """Load processor and model; ValueError or OSError where they cannot be."""
        choices = 'BLIP, LLaVA or DeepSeek-VL'
        auto = transformers.AutoProcessor
        self.processor = load_pretrained(auto, self.model_name, choices, **self._hub)
        auto = getattr(transformers, self.model_class)
        model = auto.from_pretrained(self.model_name, dtype=self.dtype, **self._hub)
        self.model = model.to(self.device).eval()

    def read(self, name: str) -> np.ndarray:
        """Read the composite of a sample: uint8 RGB (H, W, 3)."""
        return self.images.read(name)

    @torch.inference_mode()
    def compute(self, items: Sequence[np.ndarray]) -> Sequence[SampleFeatures]:
        """Ask about a batch of images."""
        prompt = self.encode([Image.fromarray(item) for item in items])
        values: list[dict[str, np.ndarray]] = [{} for _ in items]
        texts = []
        if 'token_ids' in self.outputs or 'hidden_states' in self.outputs:
            answers = self.generate(prompt)
            texts = [self.decode(answer) for answer in answers]
            for value, answer in zip(values, answers, strict=True):
                value['token_ids'] = np.array([*self.start_tokens, *answer.tolist()])
        if 'hidden_states' in self.outputs:
            for value, states in zip(values, self._hidden_states(prompt, answers), strict=True):
                value['hidden_states'] = states
        if 'answer_probs' in self.outputs:
            for value, probs in zip(values, self._answer_probs(prompt, len(items)), strict=True):
                value['answer_probs'] = probs
        texts = texts or [self.answers[int(value['answer_probs'].argmax())] for value in values]
        return [SampleFeatures(v, text) for v, text in zip(values, texts, strict=True)]

    def decode(self, answer: Tensor) -> str:
        """Turn tokens (L,) into text."""
        text: str = self.processor.tokenizer.decode(answer, skip_special_tokens=True)
        return text.strip()

    @property
    def start_tokens(self) -> tuple[int, ...]:
        """Tokens that ``token_ids`` begins with, before the answer."""
        return ()

    @property
    @abstractmethod
    def end_tokens(self) -> tuple[int, ...]:
        """Tokens that end an answer; the first one ends those of a list."""

    @abstractmethod
    def encode(self, images: Sequence[Image.Image]) -> Any:
        """Bring images and question into the model's form, on its device."""

    @abstractmethod
    def generate(self, prompt: Any) -> list[Tensor]:
        """Generate an answer to each image: tokens (L,) with the end token, if it was reached."""

    @abstractmethod
    def force(self, prompt: Any, answers: Sequence[Tensor]) -> list[ForcedAnswer]:
        """Run the model once over given answers (L,), one for each encoded image."""

    def _hidden_states(self, prompt: Any, answers: Sequence[Tensor]) -> list[np.ndarray]:
        """Hidden states at the tokens of the answers: (D,) each, or (L, D)."""
        states = []
        for answer, forced in zip(answers, self.force(prompt, answers), strict=True):
            ended = len(answer) > 1 and int(answer[-1]) in self.end_tokens
            hidden = forced.hidden[:-1] if ended else forced.hidden
            states.append((hidden.mean(0) if self.pooling == 'mean' else hidden).cpu().numpy())
        return states

    def _answer_probs(self, prompt: Any, number: int) -> np.ndarray:
        """Probabilities of the listed answers, (n, A)."""
        scores = []
        for answer in self.answers:
            tokens = self.processor.tokenizer(answer, add_special_tokens=False).input_ids
            ids = torch.tensor([*tokens, self.end_tokens[0]], device=self.device)
            forced = self.force(prompt, [ids] * number)
            scores.append(torch.stack([each.log_prob.double().sum() for each in forced]))
        return torch.stack(scores, dim=1).softmax(dim=1).float().cpu().numpy()

    def _cut(self, tokens: Tensor) -> Tensor:
        """Cut generated tokens (L,) behind the first end token."""
        ends = torch.isin(tokens, torch.tensor(self.end_tokens, device=tokens.device)).nonzero()
        return tokens[: int(ends[0]) + 1] if len(ends) else tokens

    def _config(self) -> Any:
        return transformers.AutoConfig.from_pretrained(self.model_name, **self._hub)
