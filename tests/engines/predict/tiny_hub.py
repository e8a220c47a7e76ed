"""A tiny RT-DETR v2 with random weights, saved as transformers saves it; needs torch."""

from __future__ import annotations

import json
from pathlib import Path


def save(folder: Path, seed: int = 0) -> Path:
    import torch
    from transformers import RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection

    torch.manual_seed(seed)
    backbone = RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrV2Config(
        backbone_config=backbone,
        encoder_in_channels=[16, 24, 32],
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        feat_strides=[8, 16, 32],
        encoder_layers=1,
        d_model=16,
        num_queries=10,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_attention_heads=2,
        num_denoising=0,
        hidden_expansion=0.5,
        id2label={0: "person", 1: "helmet", 2: "vest"},
        label2id={"person": 0, "helmet": 1, "vest": 2},
    )
    RTDetrV2ForObjectDetection(config).save_pretrained(folder)
    said = {"size": {"height": 96, "width": 96}, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(said), encoding="utf-8")
    return folder
