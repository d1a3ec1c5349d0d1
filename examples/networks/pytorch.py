"""Networks in PyTorch with seeded weights: stand-ins for what users bring. Needs torch; there is no torchvision."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def seeded(module: nn.Module, seed: int = 0) -> nn.Module:
    """`module` in inference mode, with weights and statistics that keep a signal alive down to the last layer."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            fan_in = part.weight[0].numel()
            part.weight.data = torch.randn(part.weight.shape, generator=generator) * math.sqrt(2.0 / fan_in)
            if part.bias is not None:
                part.bias.data = torch.randn(part.bias.shape, generator=generator) * 0.1
        elif isinstance(part, nn.BatchNorm2d):
            count = part.num_features
            part.weight.data = 1 + 0.1 * torch.randn(count, generator=generator)
            part.bias.data = 0.1 * torch.randn(count, generator=generator)
            part.running_mean = 0.1 * torch.randn(count, generator=generator)
            part.running_var = 1 + 0.2 * torch.rand(count, generator=generator)
    return module.eval()


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, filter per channel, project; with a shortcut where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = [] if expansion == 1 else [_convolution(inputs, hidden, 1)]
        layers += [
            _convolution(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.body = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.shortcut else self.body(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 of Sandler et al., 2018, Table 2; `width` multiplies its channels."""

    _STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self, classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(8, int(channels * width + 4) // 8 * 8)

        layers: list[nn.Module] = [_convolution(3, scaled(32), 3, 2)]
        channels = scaled(32)
        for expansion, outputs, repeats, stride in self._STAGES:
            for index in range(repeats):
                layers.append(InvertedResidual(channels, scaled(outputs), stride if index == 0 else 1, expansion))
                channels = scaled(outputs)
        layers.append(_convolution(channels, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


class _DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int, bottleneck: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(bottleneck * growth)
        self.conv1 = nn.Conv2d(inputs, bottleneck * growth, 1, bias=False)
        self.conv2 = nn.Conv2d(bottleneck * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(torch.relu(self.norm2(self.conv1(torch.relu(self.norm1(x))))))
        return torch.cat([x, y], 1)


class DeePixBiS(nn.Module):
    """Face anti-spoofing with a pixel-wise map (George and Marcel, 2019): the first blocks of DenseNet-161, then a map of
    14 by 14 probabilities and a decision from it. `growth` is 48 in the paper.
    """

    def __init__(self, growth: int = 48, blocks: tuple[int, ...] = (6, 12), features: int = 96, side: int = 14) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, features, 7, 2, 3, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = features
        for count in blocks:
            for _ in range(count):
                layers.append(_DenseLayer(channels, growth))
                channels += growth
            layers += [
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels // 2, 1, bias=False),
            ]
            layers.append(nn.AvgPool2d(2, 2))
            channels //= 2
        self.encoder = nn.Sequential(*layers)
        self.decoder = nn.Conv2d(channels, 1, 1)
        self.linear = nn.Linear(side * side, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pixels = torch.sigmoid(self.decoder(self.encoder(x)))
        return pixels, torch.sigmoid(self.linear(torch.flatten(pixels, 1)))


class TransformerBlock(nn.Module):
    """Attention over all tokens, then a network per token, each with a normalisation before and a shortcut around."""

    def __init__(self, width: int = 64, heads: int = 4, hidden: int = 128) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joined = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        joined = self.joined(self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.project(attended.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.contract(nn.functional.gelu(self.expand(self.norm2(x))))


class SmallNetwork(nn.Module):
    """What quantisers look for: convolutions with normalisations, a shortcut, pools, a classifier."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16)
        self.conv2, self.norm2 = nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16)
        self.conv3, self.norm3 = nn.Conv2d(16, 16, 1), nn.BatchNorm2d(16)
        self.pool = nn.MaxPool2d(2)
        self.linear = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(x)))
        y = torch.relu(self.norm3(self.conv3(torch.relu(self.norm2(self.conv2(x))))))
        return self.linear(torch.flatten(self.pool(x + y).mean([2, 3]), 1))
