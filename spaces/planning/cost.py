"""The size of a network, counted from its plan: no framework, no weights."""

from ..graph.cost import Cost
from ..graph.graph import Graph, InputShape
from .plan import plan
from .steps import Infer

__all__ = ["cost"]


def cost(graph: Graph, input_shape: InputShape, infer: Infer | None = None) -> Cost:
    """Count parameters and multiply-additions of a graph.

    Args:
        graph: An architecture's graph.
        input_shape: Shape of one example without the batch axis, such as (32, 32, 3); of a network
            with named inputs, by their names.
        infer: Measures layers without a rule, such as those of the user.

    Raises:
        BuildError: The network cannot be built for this input.

    Example:
        >>> from nasbridge.spaces import Chain, layer
        >>> space = Chain(layer("Conv2D", filters=8, kernel_size=3), layer("BatchNormalization"))
        >>> next(space.enumerate()).cost((28, 28, 1))
        Cost(parameters=112, trainable_parameters=96, flops=54080)

    References:
        Dong & Yang 2020, NAS-Bench-201, arXiv:2001.00326.
    """
    measures = [step.measure for step in plan(graph, input_shape, infer).steps]
    parameters = sum(measure.parameters for measure in measures)
    frozen = sum(measure.frozen for measure in measures)
    return Cost(parameters, parameters - frozen, sum(measure.flops for measure in measures))
