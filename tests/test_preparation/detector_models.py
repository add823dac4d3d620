"""Tiny object detectors with random weights, saved as a user's local folders."""

import torch
import transformers

LABELS = {0: 'Person', 1: 'dog', 2: 'person'}


def _save(folder, model, processor):
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_yolos(folder, seed=0, labels=LABELS):
    config = transformers.YolosConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=[32, 48],
        patch_size=8,
        num_detection_tokens=8,
        initializer_range=0.5,
        id2label=labels,
    )
    torch.manual_seed(seed)
    model = transformers.YolosForObjectDetection(config)
    size = {'shortest_edge': 32, 'longest_edge': 48}
    return _save(folder, model, transformers.YolosImageProcessorPil(size=size))


def save_rt_detr(folder, seed=0, labels=LABELS):
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        layer_type='basic',
        out_features=['stage2', 'stage3', 'stage4'],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        encoder_in_channels=[16, 24, 32],
        encoder_hidden_dim=32,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        d_model=32,
        decoder_in_channels=[32, 32, 32],
        decoder_layers=2,
        decoder_ffn_dim=32,
        decoder_attention_heads=2,
        num_queries=12,
        id2label=labels,
    )
    torch.manual_seed(seed)
    model = transformers.RTDetrForObjectDetection(config)
    processor = transformers.RTDetrImageProcessorPil(size={'height': 64, 'width': 64})
    return _save(folder, model, processor)


def save_detr(folder, seed=0, labels=LABELS):
    backbone = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type='basic',
        out_features=['stage4'],
    )
    config = transformers.DetrConfig(
        backbone_config=backbone,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=8,
        id2label=labels,
    )
    torch.manual_seed(seed)
    model = transformers.DetrForObjectDetection(config)
    size = {'shortest_edge': 48, 'longest_edge': 80}
    return _save(folder, model, transformers.DetrImageProcessorPil(size=size))
