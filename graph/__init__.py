"""The LangGraph state machine: the pipeline and its experiment subgraph."""

import os

# LangGraph reads it when it is imported: checkpoints then hold the states' own types and nothing else.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

from nightlab.graph.experiment import experiment_graph
from nightlab.graph.pipeline import pipeline_graph

__all__ = ["experiment_graph", "pipeline_graph"]
