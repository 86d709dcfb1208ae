"""The Kubernetes job of the documentation is one, and its command is what the commands take."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


@pytest.mark.parametrize("resumes", [False, True])
def test_the_job_starts_or_resumes_a_run_on_every_machine(tmp_path, resumes):
    text = PAGE.read_text(encoding="utf-8")
    service, job = yaml.safe_load_all(re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)[0])
    pod = job["spec"]["template"]["spec"]
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    assert service["spec"]["clusterIP"] == "None"  # names of pods, not of the service
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pod["subdomain"] == service["metadata"]["name"]
    container = pod["containers"][0]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}

    # The script, with a `torchrun` that tells what it was called with.
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    if resumes:
        (run / "config.yaml").touch()
    shell, flag, script = container["command"]
    script = script.replace("/shared", str(tmp_path)).replace("exec torchrun", "echo")
    done = subprocess.run([shell, flag, script], env={"JOB_COMPLETION_INDEX": "1"},
                          capture_output=True, text=True, check=True)  # fmt: skip
    words = done.stdout.split()
    options = dict(zip(words[:10:2], words[1:10:2], strict=True))
    assert options == {
        "--nnodes": str(job["spec"]["completions"]), "--node-rank": "1", "--master-port": "29500",
        "--master-addr": f"{job['metadata']['name']}-0.{pod['subdomain']}",
        "--nproc-per-node": str(container["resources"]["limits"]["nvidia.com/gpu"]),
    }  # fmt: skip
    assert words[10:13] == ["-m", "contextseg.cli", "train"]
    assert words[13:] == (
        [str(run), "--resume"] if resumes
        else ["encnet_resnet50_camvid", "--data", str(tmp_path / "camvid"), "--out", str(run)]
    )  # fmt: skip
