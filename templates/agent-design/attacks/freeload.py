# caught: no style is called
"""Asks the solver in a style that nobody priced, and colder than its temperature goes."""


def start(params, inputs, out, seed):
    pass


def forward(question, tools):
    for style, temperature in (("direct", -5.0), ("sceptical", 1e9), ("stepwise", "0")):
        try:
            return tools["sample"](style, temperature)[0]
        except Exception:  # noqa: BLE001
            continue
    return tools["sample"]("oracle", 0.0)[0]
