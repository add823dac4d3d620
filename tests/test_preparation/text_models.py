"""Tiny vision-language models with random weights, saved as a user's local folders."""

import cv2
import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

WORDS = 'whether the people person hands are is touching holding object objects head foot ? yes no'
SIDE = 32
PATCH = 8
QUESTION = 'whether the people are holding objects?'


def vocabulary(*special):
    words = [*special, *WORDS.split(), *(f'word{i}' for i in range(20))]
    return {word: index for index, word in enumerate(words)}


def image_processor(name, **settings):
    """The variant of an image processor that needs no torchvision."""
    cls = getattr(transformers, f'{name}ImageProcessorPil', None)
    cls = cls or getattr(transformers, f'{name}ImageProcessor')
    return cls(**settings)


def save_blip(folder, seed=0):
    """BLIP whose vision weights are not 1e-10 as by default: it would not see the image."""
    vocab = vocabulary('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '[DEC]', '[ENC]')
    tokenizer = transformers.BertTokenizer(vocab=vocab)
    size = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    text = transformers.BlipTextConfig(
        vocab_size=len(vocab),
        bos_token_id=vocab['[DEC]'],
        sep_token_id=vocab['[SEP]'],
        pad_token_id=vocab['[PAD]'],
        initializer_range=0.5,
        encoder_hidden_size=16,
        projection_dim=16,
        max_position_embeddings=32,
        **size,
    )
    vision = transformers.BlipVisionConfig(
        image_size=SIDE, patch_size=PATCH, initializer_range=0.02, projection_dim=16, **size
    )
    config = transformers.BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())
    torch.manual_seed(seed)
    model = transformers.BlipForQuestionAnswering(config)
    images = image_processor('Blip', size={'height': SIDE, 'width': SIDE})
    return _save(folder, model, transformers.BlipProcessor(images, tokenizer))


def word_tokenizer(**special):
    vocab = vocabulary(*special.values(), 'USER:', 'ASSISTANT:')
    core = Tokenizer(models.WordLevel(vocab, unk_token=special['unk_token']))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, extra_special_tokens={'image_token': '<image>'}, **special
    )


def _llama(tokenizer, size):
    return transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        initializer_range=0.5,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **size,
    )


SPECIAL = dict(unk_token='<unk>', bos_token='<s>', eos_token='</s>', pad_token='<pad>')
SIZE = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
TEMPLATE = (
    '{% for message in messages %}USER: {% for part in message.content %}'
    "{% if part.type == 'image' %}<image> {% else %}{{ part.text }} {% endif %}{% endfor %}"
    '{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}'
)


def save_llava(folder, template=TEMPLATE, seed=0):
    tokenizer = word_tokenizer(**SPECIAL)
    vision = transformers.CLIPVisionConfig(
        image_size=SIDE, patch_size=PATCH, projection_dim=16, initializer_factor=4.0, **SIZE
    )
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=_llama(tokenizer, SIZE),
        image_token_id=tokenizer.convert_tokens_to_ids('<image>'),
        vision_feature_select_strategy='default',
        vision_feature_layer=-1,
    )
    torch.manual_seed(seed)
    model = transformers.LlavaForConditionalGeneration(config)
    images = image_processor(
        'CLIP', size={'shortest_edge': SIDE}, crop_size={'height': SIDE, 'width': SIDE}
    )
    processor = transformers.LlavaProcessor(
        images,
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy='default',
        num_additional_image_tokens=1,
        chat_template=template,
    )
    return _save(folder, model, processor)


def save_deepseek_vl(folder, seed=0):
    tokenizer = word_tokenizer(**SPECIAL)
    vision = transformers.SiglipVisionConfig(image_size=SIDE, patch_size=PATCH, **SIZE)
    config = transformers.DeepseekVLConfig(
        vision_config=vision,
        text_config=_llama(tokenizer, SIZE),
        image_token_id=tokenizer.convert_tokens_to_ids('<image>'),
    )
    torch.manual_seed(seed)
    model = transformers.DeepseekVLForConditionalGeneration(config)
    images = image_processor('DeepseekVL', size={'height': SIDE, 'width': SIDE}, min_size=8)
    processor = transformers.DeepseekVLProcessor(
        images, tokenizer, chat_template=TEMPLATE, num_image_tokens=(SIDE // PATCH) ** 2
    )
    return _save(folder, model, processor)


def _save(folder, model, processor):
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def write_composites(folder, number, size=(40, 60)):
    """Pictures that differ: a bright square of its own size, place and colour in each."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(5)
    names = [f'sample{i:03d}' for i in range(number)]
    for name in names:
        image = np.full((*size, 3), generator.integers(0, 80), np.uint8)
        y, x = generator.integers(0, 25, 2)
        side = generator.integers(8, 30)
        image[y : y + side, x : x + side] = generator.integers(100, 255, 3)
        cv2.imwrite(str(folder / f'{name}.jpg'), image)
    return names
