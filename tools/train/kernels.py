# SPDX-License-Identifier: Apache-2.0
"""Fused bfloat16 loops of kernels.cc as torch functions with gradients; compiled on first use."""

import ctypes
import hashlib
import os
import pathlib
import subprocess

import torch

SOURCE = pathlib.Path(__file__).with_name("kernels.cc")


def _load():
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "blindbox-train"
    library = folder / f"kernels-{digest}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = library.with_suffix(f".{os.getpid()}")
        subprocess.run(["g++", "-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp",
                        "-shared", "-fPIC", "-o", partial, SOURCE], check=True)
        partial.rename(library)
    return ctypes.CDLL(str(library))


_LIBRARY = _load()


def _pointer(tensor):
    assert tensor.is_contiguous()
    return ctypes.c_void_p(tensor.data_ptr())


def _count(value):
    return ctypes.c_int64(value)


class CausalSoftmax(torch.autograd.Function):
    """Scores [matrices, rows, keys] of queries from position `first` on -> probabilities, overwriting both the scores and, backwards, the gradient.

    The caller must not use the scores again; here they come fresh from a matrix product that needs only its inputs.
    """

    @staticmethod
    def forward(ctx, scores, rows_per_query, first, scale):
        matrices, rows, keys = scores.shape
        ctx.sizes = (_count(matrices), _count(rows), _count(keys), _count(rows_per_query), _count(first),
                     ctypes.c_float(scale))
        _LIBRARY.causal_softmax(_pointer(scores), *ctx.sizes)
        ctx.mark_dirty(scores)
        ctx.save_for_backward(scores)
        return scores

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.contiguous()
        _LIBRARY.causal_softmax_backward(_pointer(gradient), _pointer(ctx.saved_tensors[0]), *ctx.sizes)
        return gradient, None, None, None


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = x.contiguous()
        out = torch.empty_like(x)
        _LIBRARY.gelu(_pointer(x), _pointer(out), _count(x.numel()))
        ctx.save_for_backward(x)
        return out

    @staticmethod
    def backward(ctx, gradient):
        x, = ctx.saved_tensors
        gradient = gradient.contiguous()
        out = torch.empty_like(x)
        _LIBRARY.gelu_backward(_pointer(x), _pointer(gradient), _pointer(out), _count(x.numel()))
        return out


class LayerNorm(torch.autograd.Function):
    """bfloat16 in and out, float32 weight and bias, epsilon 1e-5."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        x = x.contiguous()
        width = x.shape[-1]
        out, statistics = torch.empty_like(x), torch.empty(x.numel() // width, 2)
        _LIBRARY.layer_norm(_pointer(x), _pointer(weight), _pointer(bias), _pointer(out), _pointer(statistics),
                            _count(len(statistics)), _count(width))
        ctx.save_for_backward(x, weight, statistics)
        return out

    @staticmethod
    def backward(ctx, gradient):
        x, weight, statistics = ctx.saved_tensors
        gradient = gradient.contiguous()
        d_x, d_weight, d_bias = torch.empty_like(x), torch.zeros_like(weight), torch.zeros_like(weight)
        _LIBRARY.layer_norm_backward(_pointer(x), _pointer(gradient), _pointer(weight), _pointer(statistics),
                                     _pointer(d_x), _pointer(d_weight), _pointer(d_bias),
                                     _count(len(statistics)), _count(x.shape[-1]))
        return d_x, d_weight, d_bias


class HeadLoss(torch.autograd.Function):
    """Summed cross entropy of hidden [n, width] against targets [n] through the output matrix [vocabulary, width].

    The value is the plain sum; its gradient counts each target by weights [n].

    The logits of a chunk exist only while that chunk is worked on; both gradients are formed at once.
    """

    CHUNK = 1024

    @staticmethod
    def forward(ctx, hidden, matrix, targets, weights):
        losses = torch.empty(hidden.shape[0])
        d_hidden = torch.empty_like(hidden)
        d_matrix = torch.zeros(matrix.shape)
        for start in range(0, hidden.shape[0], HeadLoss.CHUNK):
            part = slice(start, start + HeadLoss.CHUNK)
            logits = torch.nn.functional.linear(hidden[part], matrix)
            _LIBRARY.cross_entropy(_pointer(logits), _pointer(targets[part]), _pointer(weights[part]), _pointer(losses[part]),
                                   _count(logits.shape[0]), _count(logits.shape[1]))
            d_hidden[part] = logits @ matrix
            d_matrix += logits.t() @ hidden[part]
        ctx.save_for_backward(d_hidden, d_matrix)
        return losses.sum()

    @staticmethod
    def backward(ctx, gradient):
        d_hidden, d_matrix = ctx.saved_tensors
        return d_hidden * gradient.to(d_hidden.dtype), (d_matrix * gradient).to(d_hidden.dtype), None, None
