"""Rewrite PaddleOCR's networks so that a CPU computes the same in less time."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt


def without_concatenations(network: Any) -> Any:
    """Replace convolutions over concatenations by sums of convolutions, in place, and return the network.

    A convolution over concatenated channels is the sum of convolutions over the parts, each with its share of the
    kernel. The sums are free, while a concatenation copies every pixel.
    """
    from openvino import opset13

    for node in network.get_ordered_ops():
        convolution = _only_user(node) if node.get_type_name() == "Concat" else None
        if convolution is None or convolution.get_type_name() != "Convolution":
            continue
        kernel = _constant(convolution.input_value(1).get_node())
        parts = [node.input_value(number) for number in range(node.get_input_size())]
        ends = np.cumsum([part.get_partial_shape()[1].get_length() for part in parts])
        how = convolution.get_attributes()
        sums = [
            opset13.convolution(
                part, opset13.constant(share), how["strides"], how["pads_begin"], how["pads_end"], how["dilations"]
            )
            for part, share in zip(parts, np.split(kernel, ends[:-1], axis=1), strict=True)
        ]
        whole = reduce(opset13.add, sums)
        for user in convolution.output(0).get_target_inputs():
            user.replace_source_output(whole.output(0))
    network.validate_nodes_and_infer_types()
    return network


def without_zero_channels(network: Any) -> Any:
    """Remove the hidden channels of GELU layers whose weights are zero, in place, and return the network.

    Training left them: 690 of the 1,536 in the last two such layers of the detection network. GELU(0) is 0, so they add
    nothing.
    """
    from openvino import opset13

    for node in network.get_ordered_ops():
        bias = _only_user(node) if node.get_type_name() == "Convolution" else None
        if bias is None or bias.get_type_name() != "Add":
            continue
        following = _convolution_after_activation(bias)
        if following is None:
            continue
        kernel, constants = _constant(node.input_value(1).get_node()), _bias_after(node)
        is_used = np.maximum(np.abs(kernel).max((1, 2, 3)), np.abs(constants)) > NO_WEIGHT
        is_used[np.flatnonzero(~is_used)[: -is_used.sum() % CHANNELS_STEP]] = True
        if is_used.all():
            continue
        next_kernel = _constant(following.input_value(1).get_node())
        (constants_at,) = [number for number in (0, 1) if bias.input_value(number).get_node() is not node]
        node.input(1).replace_source_output(opset13.constant(kernel[is_used]).output(0))
        bias.input(constants_at).replace_source_output(
            opset13.constant(constants[is_used].reshape(1, -1, 1, 1)).output(0)
        )
        following.input(1).replace_source_output(opset13.constant(next_kernel[:, is_used]).output(0))
    network.validate_nodes_and_infer_types()
    return network


def without_upsampling(network: Any) -> Any:
    """Return a detection network whose last layers are rewritten, up to the logits; they compute the same.

    The network ends in two transposed convolutions with kernel 2 and stride 2 and a sigmoid. An output pixel of such a
    convolution depends on one input pixel only, so the first is a pointwise convolution with channels for each of four
    positions, and the second a pointwise convolution within each of these groups: both at a quarter of the image's
    size. The caller rearranges the 16 channels into pixels, and computes the sigmoid for the few pixels that need it.
    """
    import openvino
    from openvino import opset13

    first, second = [node for node in network.get_ordered_ops() if node.get_type_name() == _TRANSPOSED][-2:]
    kernel, last_kernel = (_constant(node.input_value(1).get_node()) for node in (first, second))
    channels_in, channels, *_ = kernel.shape
    # From (in, out, row, column) to (row, column, out, in): positions first.
    pointwise = kernel.transpose(2, 3, 1, 0).reshape(4 * channels, channels_in, 1, 1)
    bias = np.tile(_bias_after(first), 4).reshape(1, -1, 1, 1)
    within_group = last_kernel.transpose(2, 3, 1, 0).reshape(4, channels, 1, 1)
    ones, zeros = [1, 1], [0, 0]
    middle = opset13.convolution(first.input_value(0), opset13.constant(pointwise), ones, zeros, zeros, ones)
    middle = opset13.relu(opset13.add(middle, opset13.constant(bias)))
    groups = opset13.constant(np.stack([within_group] * 4))
    logits = opset13.group_convolution(middle, groups, ones, zeros, zeros, ones)
    logits = opset13.add(logits, opset13.constant(_bias_after(second).reshape(1, 1, 1, 1)))
    return openvino.Model([opset13.result(logits)], network.get_parameters(), "detector")


def with_less_to_compute(detector: Any) -> Any:
    """Return PaddleOCR's detection network as every engine here computes it: up to the logits, with less arithmetic."""
    return without_upsampling(without_zero_channels(detector))


def without_fused_convolutions(network: Any) -> Any:
    """Return a network in which no depthwise convolution is computed together with the pointwise one before it.

    OpenVINO fuses them on CPUs without AVX-512 where an image exceeds the CPU's cache, and the fused kernel is far less
    precise: of a screen the heat map was wrong by 0.007, and without it by 0.00005, in the same time. What has another
    user is not fused, so one value of the input of each becomes an output after the others; nothing reads it.
    """
    import openvino
    from openvino import opset13

    first, one = opset13.constant(np.zeros(4, np.int64)), opset13.constant(np.ones(4, np.int64))
    inputs = [node.input_value(0) for node in network.get_ordered_ops() if node.get_type_name() == "GroupConvolution"]
    unread = [opset13.result(opset13.slice(value, first, one, one).output(0)) for value in inputs]
    return openvino.Model([*network.get_results(), *unread], network.get_parameters(), "detector")


_TRANSPOSED = "ConvolutionBackpropData"


CHANNELS_STEP = 32
"""Numbers of channels stay multiples of this: with others torch computes an image differently by its place in a
batch."""

NO_WEIGHT = 1e-30
"""Weights up to this are zero: what they add is lost in the rounding of any other value."""

_ELEMENTWISE = {"Add", "Divide", "Erf", "Identity", "Multiply"}
"""What GELU consists of: `x * (1 + erf(x / sqrt(2))) / 2`."""


def _convolution_after_activation(node: Any) -> Any:
    """Return the only convolution over a function of each value of a node's output; None if there is anything else."""
    computed = [node]
    ends: list[Any] = []
    for source in computed:
        for target in source.output(0).get_target_inputs():
            user = target.get_node()
            known = computed if user.get_type_name() in _ELEMENTWISE else ends
            if user not in known:
                known.append(user)
    operands = [user.input_value(number).get_node() for user in computed[1:] for number in range(user.get_input_size())]
    is_activation = all(operand in computed or _is_number(operand) for operand in operands)
    return ends[0] if is_activation and [end.get_type_name() for end in ends] == ["Convolution"] else None


def _is_number(node: Any) -> bool:
    return bool(node.get_type_name() == "Constant" and node.data.size == 1)


def _only_user(node: Any) -> Any:
    """Return the only node that uses the output of another one; None if there are several."""
    users = node.output(0).get_target_inputs()
    if len(users) != 1:
        return None
    user = next(iter(users)).get_node()
    return _only_user(user) if user.get_type_name() == "Identity" else user


def _constant(node: Any) -> npt.NDArray[np.float32]:
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return np.asarray(node.data, np.float32)


def _bias_after(node: Any) -> npt.NDArray[np.float32]:
    """Return the constant of the next addition after a node."""
    while node.get_type_name() != "Add":
        node = next(iter(node.output(0).get_target_inputs())).get_node()
    operands = [node.input_value(number).get_node() for number in (0, 1)]
    return next(_constant(operand) for operand in operands if operand.get_type_name() == "Constant").ravel()
