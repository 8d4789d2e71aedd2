"""A network that OpenVINO has read, as a module of torch: the operators that PaddleOCR's text networks consist of."""

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from cachetools import LRUCache
from torch import Tensor, nn
from torch.nn import functional

_Layer = Callable[..., Tensor]
_Step = tuple[str, _Layer, list[str], list[str]]
"""An output's name, what computes it, the names of its inputs, and which values nothing needs after it."""

MAX_PLANS = 128
"""Shapes of which the plans are kept: lines have about a hundred widths. A plan takes a quarter of a megabyte."""


class TorchNetwork(nn.Module):
    """Computes a network of one input and one output, in the number type of its buffers.

    In 16-bit floats the squares of a normalisation would exceed the largest number (65504) where an image has sharp
    edges everywhere, so means, variances and deviations are computed in 32-bit floats.

    Args:
        network: An `openvino.Model`; its shapes may be dynamic.

    Raises:
        ValueError: An operator is not known.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self._network = network.clone()
        _fold(self._network)
        self._plans: LRUCache[tuple[int, ...], list[_Step]] = LRUCache(MAX_PLANS)
        self._constants: dict[str, str] = {}
        for node in self._network.get_ordered_ops():
            if _is_float(node) and node.get_type_name() == "Constant":
                self._constants[node.get_friendly_name()] = buffer = f"constant_{len(self._constants)}"
                self.register_buffer(buffer, torch.tensor(node.data))
        unknown = {node.get_type_name() for node in _computed(self._network)} - {*_LAYERS}
        if unknown:
            raise ValueError(f"the network has operators that are not known: {', '.join(sorted(unknown))}")

    def forward(self, data: Tensor) -> Tensor:
        """Return the output for an input of any shape that the network takes."""
        shape = tuple(data.shape)
        plan = self._plans.get(shape)
        if plan is None:
            plan = self._plans[shape] = _plan(self._network, shape)
        values = {name: self.get_buffer(buffer) for name, buffer in self._constants.items()}
        values[_INPUT] = data
        for output, layer, inputs, unneeded in plan:
            values[output] = layer(*[values[name] for name in inputs])
            for name in unneeded:
                del values[name]
        return values[plan[-1][0]]


_INPUT = "input of the network"


def _fold(network: Any) -> None:
    """Make constants of what depends on constants alone, in place; a node that copies would not become one."""
    from openvino import passes  # noqa: PLC0415 - loaded after the variables that it reads at import are set

    for node in network.get_ordered_ops():
        if node.get_type_name() == "Identity":
            node.output(0).replace(node.input_value(0))
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(network)
    network.validate_nodes_and_infer_types()


def _plan(network: Any, shape: tuple[int, ...]) -> list[_Step]:
    """Return the steps for an input of one shape."""
    static = network.clone()
    static.reshape([*shape])
    _fold(static)
    nodes = _computed(static)
    sources = [
        [_name(value.get_node()) for value in node.input_values() if _is_float(value.get_node())] for node in nodes
    ]
    needed_until = {name: index for index, names in enumerate(sources) for name in names}
    computed = {_INPUT, *map(_name, nodes)}
    return [
        (
            _name(node),
            _LAYERS[node.get_type_name()](node),
            names,
            [name for name in {*names} if name in computed and needed_until[name] == index],
        )
        for index, (node, names) in enumerate(zip(nodes, sources, strict=True))
    ]


def _computed(network: Any) -> list[Any]:
    """Return the nodes that compute with data, in their order; the others compute shapes."""
    others = {"Constant", "Parameter", "Result"}
    return [node for node in network.get_ordered_ops() if _is_float(node) and node.get_type_name() not in others]


def _is_float(node: Any) -> bool:
    return str(node.get_output_element_type(0).get_type_name()) == "f32"


def _name(node: Any) -> str:
    return _INPUT if node.get_type_name() == "Parameter" else str(node.get_friendly_name())


def _integers(node: Any, number: int) -> list[int]:
    """Return the constant integers of one of a node's inputs."""
    return [int(value) for value in node.input_value(number).get_node().data.ravel()]


def _always(layer: _Layer) -> Callable[[Any], _Layer]:
    return lambda _: layer


def _padding(node: Any) -> list[int]:
    """Return what torch's `pad` adds: left, right, top, bottom."""
    how = node.get_attributes()
    ends = zip(reversed(how["pads_begin"]), reversed(how["pads_end"]), strict=True)
    return [*itertools.chain.from_iterable(ends)]


def _convolution(node: Any) -> _Layer:
    how, padding = node.get_attributes(), _padding(node)
    is_even = how["pads_begin"] == how["pads_end"]
    is_grouped = node.get_type_name() == "GroupConvolution"

    def layer(data: Tensor, kernel: Tensor) -> Tensor:
        groups = kernel.shape[0] if is_grouped else 1
        return functional.conv2d(
            data if is_even else functional.pad(data, padding),
            kernel.flatten(0, 1) if is_grouped else kernel,
            None,
            how["strides"],
            how["pads_begin"] if is_even else 0,
            how["dilations"],
            groups,
        )

    return layer


def _transposed_convolution(node: Any) -> _Layer:
    strides = node.get_attributes()["strides"]
    return lambda data, kernel: functional.conv_transpose2d(data, kernel, None, strides)


def _maximum(node: Any) -> _Layer:
    how, padding = node.get_attributes(), _padding(node)
    return lambda data: functional.max_pool2d(
        functional.pad(data, padding, value=-torch.inf), how["kernel"], how["strides"]
    )


def _average(node: Any) -> _Layer:
    how = node.get_attributes()
    return lambda data: functional.avg_pool2d(data, how["kernel"], how["strides"])


def _mean(node: Any) -> _Layer:
    axes, keeps_axes = _integers(node, 1), bool(node.get_attributes()["keep_dims"])
    return lambda data: data.mean(axes, keepdim=keeps_axes, dtype=torch.float32).to(data.dtype)


def _joined(node: Any) -> _Layer:
    axis = node.get_attributes()["axis"]
    return lambda *parts: torch.cat(parts, axis)


def _normalisation(node: Any) -> _Layer:
    epsilon = node.get_attributes()["epsilon"]
    return lambda data, scale, shift, mean, variance: functional.batch_norm(
        data, mean, variance, scale, shift, eps=epsilon
    )


def _product(node: Any) -> _Layer:
    how = node.get_attributes()
    return lambda one, other: torch.matmul(
        one.mT if how["transpose_a"] else one, other.mT if how["transpose_b"] else other
    )


def _slice(node: Any) -> _Layer:
    (start,), (stop,), (step,), (axis,) = (_integers(node, number) for number in range(1, 5))
    part = (*[slice(None)] * axis, slice(start, stop, step))
    return lambda data: data[part]


def _reshaped(node: Any) -> _Layer:
    shape = [*node.get_output_shape(0)]
    return lambda data: data.reshape(shape)


def _enlarged(node: Any) -> _Layer:
    size = [*node.get_output_shape(0)][2:]
    return lambda data, *_scales: functional.interpolate(data, size, mode="nearest")


_LAYERS: Mapping[str, Callable[[Any], _Layer]] = {
    "Add": _always(torch.add),
    "AvgPool": _average,
    "BatchNormInference": _normalisation,
    "Concat": _joined,
    "Convolution": _convolution,
    "ConvolutionBackpropData": _transposed_convolution,
    "Divide": _always(lambda data, divisor: torch.div(data, divisor).to(data.dtype)),  # a deviation has 32 bits
    "Erf": _always(torch.erf),
    "GroupConvolution": _convolution,
    "HardSigmoid": _always(lambda data, factor, shift: (data * factor + shift).clamp(0, 1)),
    "Interpolate": _enlarged,
    "MatMul": _product,
    "MaxPool": _maximum,
    "Multiply": _always(torch.mul),
    "Power": _always(lambda data, exponent: torch.pow(data.float(), exponent)),  # a variance keeps these 32 bits
    "ReduceMean": _mean,
    "Relu": _always(torch.relu),
    "Reshape": _reshaped,
    "Sigmoid": _always(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda node: partial(torch.softmax, dim=node.get_attributes()["axis"]),
    "Sqrt": _always(torch.sqrt),
    "Squeeze": _reshaped,
    "Subtract": _always(torch.sub),
    "Transpose": lambda node: partial(torch.permute, dims=_integers(node, 1)),
    "Unsqueeze": _reshaped,
}
"""Each operator: returns what computes a node, given the node of static shapes and then its float inputs. What it
returns must not hold the node, and so the whole network of its shapes."""
