"""Convert comparisons written by version 0.1 to the current form."""

from __future__ import annotations

from typing import Any


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a `comparison.json` of any version in the current form."""
    if "rows" in content:
        return _of_classifiers(content)
    for entry in content["entries"]:
        for run in entry["runs"]:
            scores = run["scores"]
            if scores is not None and "values" not in scores:
                run["scores"] = {
                    "classes": scores.pop("iou"),
                    "small": scores.pop("small_iou"),
                    "values": scores,
                }
    settings = content["settings"]
    if "published" in settings:
        settings["published"] = [_of_cifar10(row) for row in settings["published"]]
    return content


def _of_cifar10(row: dict[str, Any]) -> dict[str, Any]:
    """A published result, of which version 0.1 had only some on CIFAR-10."""
    if "name" not in row:
        return row
    facts = {"data": "CIFAR-10", "split": "test", "backbone": None, "source": "EncNet paper"}
    scores = {"error": row["error"], "parameters": row["parameters"]}
    return facts | scores | {"system": row["name"], "protocol": "600 epochs"}


def _of_classifiers(content: dict[str, Any]) -> dict[str, Any]:
    """A comparison of classifiers, which had a form of its own and did not keep seeds."""
    entries = []
    for row in content["rows"]:
        config = row["config"]
        runs = [
            {
                "seed": number,
                "identity": "",
                "status": "done",
                "scores": {
                    "values": {"error": error, "error_exact": original},
                    "classes": [],
                    "small": [],
                },
            }
            for number, (error, original) in enumerate(
                zip(row["errors"], row["errors_exact"], strict=True)
            )
        ]
        cost = {
            "parameters": row["parameters"],
            "gmac": row["gmac"],
            "images_per_s": row["images_per_s"],
            "memory_mib": None,
        }
        entries.append({"name": row["name"], "config": config, "runs": runs, "cost": cost})
    settings = {
        "title": "",
        "task": "classification",
        "data": content["data"]["root"],
        "dataset": "",
        "split": content["data"]["split"],
        "images": 0,
        "small": [],
        "size": [0, 0],
        "machine": {"device": "unknown", "threads": 0, "torch": "unknown"},
        "published": [_of_cifar10(row) for row in content["published"]],
    }
    return {"settings": settings, "classes": [], "pixels": [], "entries": entries}
