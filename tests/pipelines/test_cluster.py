"""Cluster profiles: what they compile to, and what is refused, with line and mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import RecipeError, UserError
from pipelines.cluster import Cluster, load_cluster
from pipelines.runners import engine

POOL = "environment: {type: EXTERNAL, address: 'localhost:50000'}\n"


def profile(text: str) -> Cluster:
    return load_cluster(text + "\n")


def test_a_local_master_has_workers_in_this_process() -> None:
    for text in ("runner: flink\nmaster: '[local]'", "runner: spark\nmaster: local[2]", "runner: spark\nmaster: local"):
        cluster = profile(text)
        assert cluster.local
        assert cluster.kind == "LOOPBACK"
        assert cluster.environment_options("127.0.0.1:9") == ["--environment_type=EXTERNAL", "--environment_config=127.0.0.1:9"]
        assert cluster.rest is None


def test_a_cluster_with_worker_pools() -> None:
    cluster = profile(f"runner: flink\nmaster: flink.example:8081\nparallelism: 8\nsdk_worker_parallelism: 2\n{POOL}")
    assert not cluster.local
    assert cluster.rest == "http://flink.example:8081"
    assert cluster.beam_options() == ["--parallelism=8", "--sdk_worker_parallelism=2"]
    assert cluster.environment_options() == ["--environment_type=EXTERNAL", "--environment_config=localhost:50000"]
    assert cluster.pools == []  # those of other hosts, which cannot be asked from here
    assert profile(f"runner: flink\nmaster: localhost:8081\n{POOL}").pools == ["localhost:50000"]
    named = "runner: spark\nmaster: spark://s:7077\nenvironment: {type: external, address: 'localhost:5', pools: ['a:5', 'b:5']}"
    assert profile(named).pools == ["a:5", "b:5"]


def test_workers_as_processes_and_containers() -> None:
    process = profile(
        "runner: flink\nmaster: f:8081\nenvironment: {type: process, command: /opt/bin/web2shards-worker, env: {LANG: C}}\n"
        "worker_logs: /var/log/workers\n"
    )
    kind, config = process.environment_options()
    assert kind == "--environment_type=PROCESS"
    assert json.loads(config.removeprefix("--environment_config=")) == {
        "command": "/opt/bin/web2shards-worker", "env": {"LANG": "C", "WEB2SHARDS_WORKER_LOGS": "/var/log/workers"},
    }  # fmt: skip
    docker = profile("runner: spark\nmaster: yarn\nenvironment: {type: DOCKER, image: web2shards:1}\n")
    assert docker.environment_options() == ["--environment_type=DOCKER", "--environment_config=web2shards:1"]


@pytest.mark.parametrize(
    ("text", "line", "told", "mend"),
    [
        ("master: local", 1, "`runner` is missing", "add `runner: flink`"),
        ("runner: flnk\nmaster: x:1", 1, "`flnk` is none of flink, spark, portable", "did you mean `flink`?"),
        ("runner: flink", 1, "neither `master` nor `job_endpoint` is given", "[local]"),
        ("runner: flink\nmaster: '[local]'\nparalelism: 2", 3, "unknown key `paralelism`", "did you mean `parallelism`?"),
        (f"runner: flink\nmaster: host\n{POOL}", 1, "`host` is no address", "write host:port"),
        (f"runner: flink\nmaster: spark://h:7077\n{POOL}", 1, "is no master of Flink", "REST interface"),
        (f"runner: spark\nmaster: h:7077\n{POOL}", 1, "is no master of Spark", "spark://host:7077"),
        ("runner: flink\nmaster: h:8081", 1, "`environment` is missing", "type: EXTERNAL"),
        ("runner: flink\nmaster: h:8081\nenvironment: {type: LOOPBACK}", 1, "LOOPBACK workers are threads", "worker-pool"),
        ("runner: flink\nmaster: h:8081\nenvironment: {}", 3, "`type` is missing", "how workers come to be"),
        ("runner: flink\nmaster: h:8081\nenvironment:\n  type: EXTERNAL\n", 3, "EXTERNAL needs `address`", "worker-pool"),
        ("runner: flink\nmaster: h:8081\nenvironment:\n  type: EXTERNAL\n  adress: h:1\n", 5, "unknown key `adress`", "`address`"),
        ("runner: flink\nmaster: h:8081\nenvironment:\n  type: EXTERNAL\n  address: '5'\n", 5, "is no address", "host:port"),
        ("runner: flink\nmaster: h:8081\nenvironment: {type: DOCKER, image: i, command: c}", 3, "no meaning with DOCKER", "remove"),
        ("runner: flink\nmaster: '[local]'\nparallelism: 0", 3, "should be at least 1", ""),
        (f"runner: flink\njob_endpoint: h:8099\njob_server_jar: x.jar\n{POOL}", 1, "runs already", "remove job_server_jar"),
        ("runner: portable\nmaster: h:1", 1, "is reached by its job_endpoint only", "job_endpoint: host:8099"),
        ("runner: flink\nmaster: '[local]'\nstorage: {secret_key: abc}", 1, "secrets have no place in this file", "secret_key_env"),
        ("runner: flink\nmaster: '[local]'\nstorage: {access_key_env: a-b}", 3, "is no name of an environment variable", "name an"),
        ("runner: flink\nmaster: '[local]'\nworker_logs: /x", 1, "`worker_logs` is for PROCESS", "--logs"),
        ("- runner: flink", 1, "a cluster profile is keys and values", "begin with"),
        ("runner: flink\nmaster: &a x", 2, "anchors and aliases", "quotes"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, line: int, told: str, mend: str) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as error:
        load_cluster(str(path))
    assert f"{path}:{line}: " in error.value.message
    assert told in error.value.message
    assert mend in error.value.mend


def test_a_jar_is_found_from_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    for jar, found in (("jars/x.jar", str(tmp_path / "jars" / "x.jar")), ("/opt/x.jar", "/opt/x.jar")):
        path.write_text(f"runner: flink\nmaster: '[local]'\njob_server_jar: {jar}\n")
        assert load_cluster(path).job_server_jar == load_cluster(str(path)).job_server_jar == found
    assert load_cluster(path.read_text().replace("/opt/", "")).job_server_jar == "x.jar"
    for java, found in (("java", "java"), ("jre/bin/java", f"{tmp_path}/jre/bin/java"), ("/usr/bin/java", "/usr/bin/java")):
        path.write_text(f"runner: flink\nmaster: '[local]'\njava: {java}\n")
        assert load_cluster(path).java == found
    assert load_cluster(path.read_text().replace("/usr", "./usr")).java == "./usr/bin/java"


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("runner: flink\nmaster: '[local]'\nparalelism: 2\nretries: -1\n")
    with pytest.raises(RecipeError, match="2 problems") as error:
        load_cluster(path)
    assert f"{path}:3: paralelism" in error.value.message
    assert f"{path}:4: retries" in error.value.message


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such file"):
        load_cluster(tmp_path / "none.yaml")


def test_beams_own_options_make_a_profile() -> None:
    workers = ["--environment_type=EXTERNAL", "--environment_config=localhost:5"]
    made = engine("FlinkRunner", ["--flink_master=h:8081", "--parallelism 3", *workers, "--max_parallelism=9"])
    assert made.cluster is not None
    assert (made.cluster.master, made.cluster.parallelism, made.cluster.kind) == ("h:8081", 3, "EXTERNAL")
    assert made.options == ("--max_parallelism=9",)  # Beam's to understand
    config = '--environment_config={"command": "/bin/w", "env": {"A": "b c"}}'
    process = engine("spark", ["--spark_master_url=spark://h:7077", "--environment_type=PROCESS", config]).cluster
    assert process is not None
    assert process.environment is not None
    assert process.environment.env == {"A": "b c"}


def test_an_option_goes_over_the_profile() -> None:
    cluster = profile(f"runner: flink\nmaster: h:8081\nparallelism: 2\n{POOL}")
    made = engine("", ["--parallelism=5", "--job_server_jvm_properties=-Xmx1g"], cluster)
    assert made.cluster is not None
    assert (made.cluster.parallelism, made.cluster.java_options, made.cluster.master) == (5, ["-Xmx1g"], "h:8081")


def test_without_a_profile_the_engine_is_local() -> None:
    for name, master in (("flink", "[local]"), ("spark", "local[*]")):
        cluster = engine(name).cluster
        assert cluster is not None
        assert cluster.local
        assert cluster.master == master
    assert engine("direct").cluster is None


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("portable", [], "neither `master` nor `job_endpoint`"),
        ("flink", ["--flink_master=h:8081"], "`environment` is missing"),
        ("flink", ["--parallelism=many"], "parallelism"),
        ("flink", ["--environment_type=PROCESS", "--environment_config={"], "is no JSON object"),
        ("direct", ["--parallelism=2"], "the direct runner has none"),
    ],
)
def test_options_that_do_not_go_together(name: str, options: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told.replace("[", r"\[")):
        engine(name, options)


def test_a_runner_that_is_not_the_profiles() -> None:
    with pytest.raises(UserError, match="the cluster profile is for flink"):
        engine("spark", (), profile("runner: flink\nmaster: '[local]'"))
