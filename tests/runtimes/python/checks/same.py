"""Whether a simplifier left a model as it was."""


def difference(before, after):
    """None if the nodes, in order, and the initialisers' names and shapes are the same."""
    return changed("nodes", nodes(before), nodes(after)) or changed("initialisers", weights(before), weights(after))


def changed(what, before, after):
    return None if before == after else f"other {what}: {short(before)} became {short(after)}"


def short(value):
    return str(value)[:400]


def nodes(model):
    return [(node.op_type, list(node.input), list(node.output)) for node in model.graph.node]


def weights(model):
    return {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
