# SPDX-License-Identifier: Apache-2.0
"""The bfloat16 path with its fused loops against torch's own float32. Needs torch and g++."""

import unittest

try:
    import torch
    import model
except ImportError:
    torch = None


@unittest.skipIf(torch is None, "needs torch")
class Kernels(unittest.TestCase):
    def test_loss_and_gradients_agree_with_float32(self):
        torch.manual_seed(1)
        net = model.Model(model.Shape(vocabulary=512, positions=400, width=128, layers=2), seed=3)
        rows = torch.randint(0, 512, (2, 401))
        net.summed_loss(rows).backward()
        half = {name: p.grad.clone() for name, p in net.named_parameters()}
        net.zero_grad()
        logits = torch.nn.functional.linear(net.hidden(rows[:, :-1], torch.float32), net.tokens.weight)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum")
        loss.backward()
        self.assertLess(abs(float(net.summed_loss(rows)) - float(loss)) / float(loss), 1e-3)
        for name, parameter in net.named_parameters():
            if name.endswith("key.bias"):  # its true gradient is nothing: softmax ignores a constant
                continue
            difference = float((half[name] - parameter.grad).norm() / (parameter.grad.norm() + 1e-9))
            self.assertLess(difference, 0.05, name)


if __name__ == "__main__":
    unittest.main()
