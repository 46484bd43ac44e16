"""Domains of ADAS, with what was seen of them; the answers of its model stand beside the folder."""

from __future__ import annotations

import json
from pathlib import Path

from tests.imports.case import Case

SEARCH = """\
import argparse, json, os, random
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import backoff
import openai
from tqdm import tqdm

from sums_prompt import get_init_archive
from utils import get_all_examples, score_sum

client = openai.OpenAI()
Info = namedtuple("Info", ["name", "author", "content", "iteration_idx"])
SEARCHING_MODE = True


@backoff.on_exception(backoff.expo, openai.RateLimitError)
def get_json_response_from_gpt(msg, model, system_message, temperature=0.5):
    response = client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": system_message}, {"role": "user", "content": msg}],
        temperature=temperature, max_tokens=1024, stop=None, response_format={"type": "json_object"},
    )
    return json.loads(response.choices[0].message.content)


class LLMAgentBase():
    def __init__(self, output_fields, agent_name, role="helpful", model="gpt-3.5-turbo-0125", temperature=0.5):
        self.output_fields, self.agent_name = output_fields, agent_name
        self.role, self.model = role, model
        self.temperature = temperature

    def __call__(self, input_infos, instruction, iteration_idx=-1):
        text = "\\n".join(f"{info.name}: {info.content}" for info in input_infos)
        found = get_json_response_from_gpt(f"{text}\\n{instruction}", self.model, self.role, self.temperature)
        return [Info(key, self.agent_name, found.get(key, ""), iteration_idx) for key in self.output_fields]


class AgentSystem():
    pass


def evaluate_forward_fn(args, forward_str):
    namespace = {}
    exec(forward_str, globals(), namespace)
    setattr(AgentSystem, "forward", list(namespace.values())[0])
    examples = get_all_examples()
    random.seed(args.shuffle_seed)
    random.shuffle(examples)
    if SEARCHING_MODE:
        examples = examples[:args.valid_size] * args.n_repreat
    else:
        examples = examples[args.valid_size:args.valid_size + args.test_size] * args.n_repreat
    tasks = [Info("task", "User", example["inputs"], -1) for example in examples]
    system, scores = AgentSystem(), []
    with ThreadPoolExecutor(max_workers=args.max_workers) as executor:
        results = list(tqdm(executor.map(system.forward, tasks), total=len(tasks)))
    for example, found in zip(examples, results):
        scores.append(score_sum(example["targets"], found.content if isinstance(found, Info) else found))
    return scores


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--valid_size", type=int, default=4)
    parser.add_argument("--test_size", type=int, default=4)
    parser.add_argument("--shuffle_seed", type=int, default=0)
    parser.add_argument("--n_repreat", type=int, default=1)
    parser.add_argument("--max_workers", type=int, default=4)
    parser.add_argument("--save_dir", type=str, default="results/")
"""
PROMPT = '''\
COT = {
    "thought": "Ask once.",
    "name": "Chain-of-Thought",
    "code": """def forward(self, taskInfo):
    # The instruction
    instruction = "Answer at once."
    agent = LLMAgentBase(["thinking", "answer"], "Agent")
    thinking, answer = agent([taskInfo], instruction)
    return answer
""",
}
TWICE = {
    "name": "Twice",
    "code": """def forward(self, taskInfo):
    agent = LLMAgentBase(["answer"], "Agent")
    for _ in range(2):
        answer, = agent([taskInfo], "Answer at once.")
    return answer.content
""",
}


def get_init_archive():
    return [COT, TWICE]
'''
UTILS = """\
import json, os

def get_all_examples():
    here = os.path.dirname(os.path.abspath(__file__))
    return [json.loads(line) for line in open(os.path.join(here, "sums.jsonl"))]

def score_sum(target, prediction):
    return float(str(target) == str(prediction))
"""
SUMS = [(n, n + 3) for n in range(8)]
DATA = "".join(json.dumps({"inputs": f"What is {a} plus {b}?", "targets": a + b}) + "\n" for a, b in SUMS)
FILES = {"search.py": SEARCH, "sums_prompt.py": PROMPT, "utils.py": UTILS, "sums.jsonl": DATA}


def _answers(folder: Path) -> None:
    """Right for whoever is told to go step by step; else for every other sum."""
    rules = [
        {"match": f"What is {a} plus {b}.*step by step", "answer": {"thinking": "...", "answer": str(a + b)}}
        for a, b in SUMS
    ]
    rules += [
        {"match": f"What is {a} plus {b}", "answer": {"answer": str(a + b if a % 4 == 1 else 0)}} for a, b in SUMS
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, rules)))


def _case(options: tuple[str, ...] = (), **more):  # type: ignore[no-untyped-def]
    given = {"metric": "accuracy", "more": _answers, "options": ("--answers", "{folder}/answers.jsonl", *options)}
    return Case(kind="adas", files={**FILES, **more.pop("files", {})}, **{**given, **more})


TURNED = tuple(f"Answer step by step, {n} times." for n in range(1, 6))
ADAS = {
    "plain": _case(told="sealed holdout", turned=("agent.py", "Answer at once.", TURNED), fast=True),
    "twice": _case(
        ("--program", "Twice"), turned=("agent.py", "Answer at once.", TURNED), told="begins with the agent 'Twice'"
    ),
    "no such agent": _case(("--program", "Thrice"), refused="--program 'Twice'"),
    "nobody answers": _case(options=(), more=lambda folder: None, refused="no JSON lines"),
    "no model": Case(kind="adas", files=FILES, refused="--base-url"),
    "no evaluation": _case(files={"search.py": "class AgentSystem: pass\n"}, refused="has no Info"),
}
