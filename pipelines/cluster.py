"""A cluster profile: a YAML file that says where Flink or Spark is, and how workers come to be there.

It is read as recipes are (`pipelines.recipe_yaml`): every problem names its line, its key and the mend. Secrets have no
place in it: it names the environment variables that hold them.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path as File
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from core.errors import RecipeError
from pipelines.recipe_model import Problem, error_of, near, problems_of
from pipelines.recipe_shapes import Model, fault
from pipelines.recipe_yaml import read_source

_LOCAL_FLINK = ("[local]", "[auto]")
_LOCAL_SPARK = re.compile(r"local(\[.+\])?")
_HOSTS = ("localhost", "127.0.0.1", "[::1]")
#: In place of a host and port: a job server inside this process, without Java.
EMBED = "embed"


def _address(value: Any) -> Any:
    """host:port, with the port in its range."""
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        if not host or "/" in host or not port.isdigit() or not 0 < int(port) < 65536:
            raise fault(f"`{value}` is no address", "write host:port, such as localhost:8099")
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _endpoint(value: Any) -> Any:
    return value if value == EMBED else _address(value)


Address = Annotated[str, BeforeValidator(_address)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Kind = Annotated[Literal["LOOPBACK", "EXTERNAL", "PROCESS", "DOCKER"], BeforeValidator(_upper)]


class Environment(Model):
    """How the engine gets Python workers (beam.apache.org/documentation/runtime/sdk-harness-config)."""

    type: Kind = Field(description="EXTERNAL: a worker pool; PROCESS: a command; DOCKER: an image; LOOPBACK: this process")
    address: Address | None = Field(default=None, description="EXTERNAL: where each host reaches its own pool")
    pools: list[Address] = Field(
        default_factory=list[str], description="EXTERNAL: where this machine reaches the pools, if not at `address`"
    )
    command: str | None = Field(default=None, min_length=1, description="PROCESS: web2shards-worker by its path on the workers")
    env: dict[str, str] = Field(default_factory=dict[str, str], description="PROCESS: environment variables of the workers")
    image: str | None = Field(default=None, min_length=1, description="DOCKER: the image")

    @model_validator(mode="after")
    def fits(self) -> Environment:
        wanted = {"EXTERNAL": "address", "PROCESS": "command", "DOCKER": "image"}.get(self.type)
        if wanted and getattr(self, wanted) is None:
            raise fault(f"{self.type} needs `{wanted}`", _EXAMPLES[wanted])
        allowed = {"EXTERNAL": {"address", "pools"}, "PROCESS": {"command", "env"}, "DOCKER": {"image"}}.get(self.type, set[str]())
        for name in ("address", "pools", "command", "env", "image"):
            if getattr(self, name) and name not in allowed:
                raise fault(f"`{name}` has no meaning with {self.type}", "remove it")
        return self


_MASTERS = {
    "flink": "`master: '[local]'` or `master: host:8081`", "spark": "`master: local[2]` or `master: spark://host:7077`",
    "portable": "`job_endpoint: host:8099`",
}  # fmt: skip
_EXAMPLES = {
    "address": "start `web2shards worker-pool` on each host, and give its address: `address: localhost:50000`",
    "command": "give the command by its path on the workers: `command: /opt/web2shards/bin/web2shards-worker`",
    "image": "give the image: `image: registry.example/web2shards:0.1.0`",
}


class Storage(Model):
    """How object stores are reached, from this machine and from workers, which look in their own environment."""

    endpoint: str | None = Field(default=None, pattern=r"^https?://[^/\s@]+/?$", description="URL of an S3-compatible store")
    region: str | None = Field(default=None, min_length=1, description="the store's region")
    access_key_env: Variable | None = Field(default=None, description="the variable that holds the access key's id")
    secret_key_env: Variable | None = Field(default=None, description="the variable that holds the secret key")
    session_token_env: Variable | None = Field(default=None, description="the variable that holds a session token")


class Cluster(Model):
    """A cluster profile."""

    runner: Literal["flink", "spark", "portable"] = Field(description="the engine; portable: any job server of Beam's")
    master: str | None = Field(
        default=None, min_length=1, description="[local] or host:port of Flink's REST; local[2] or spark://host:port"
    )
    job_endpoint: Annotated[str, BeforeValidator(_endpoint)] | None = Field(
        default=None, description="host:port of a long-running job server; without one, each run starts its own"
    )
    parallelism: int | None = Field(default=None, ge=1, le=100_000, description="how many tasks run at the same time")
    environment: Environment | None = Field(default=None, description="how workers come to be; LOOPBACK where the master is local")
    sdk_worker_parallelism: int | None = Field(default=None, ge=1, le=1000, description="workers a TaskManager or executor")
    job_server_jar: str | None = Field(
        default=None, min_length=1, description="path of Beam's job server for the engine, from this file's folder"
    )
    java: str = Field(
        default="java", min_length=1, description="the Java that runs the job server: a command, or a path from this file's folder"
    )
    java_options: list[str] = Field(default_factory=list[str], description="options for it, such as -Xmx2g")
    retries: int = Field(default=0, ge=0, le=100, description="how often a run goes on by itself after losing workers")
    worker_logs: str | None = Field(default=None, min_length=1, description="PROCESS: folder of the workers' logs, on each host")
    storage: Storage | None = Field(default=None, description="how object stores are reached")

    @model_validator(mode="before")
    @classmethod
    def no_secrets(cls, value: Any) -> Any:
        storage = value.get("storage") if isinstance(value, dict) else None
        if isinstance(storage, dict):
            for key in storage:
                if re.search(r"secret|password|token|key", str(key)) and not str(key).endswith("_env"):
                    mend = "put it into an environment variable, and name that: `secret_key_env: NAME`"
                    raise fault(f"`storage.{key}`: secrets have no place in this file", mend)
        return value

    @model_validator(mode="after")
    def whole(self) -> Cluster:
        if self.master is None and self.job_endpoint is None:
            raise fault("neither `master` nor `job_endpoint` is given", _MASTERS[self.runner])
        if self.runner == "portable" and (self.job_endpoint is None or self.master is not None):
            raise fault("`runner: portable` is reached by its job_endpoint only", "`job_endpoint: host:8099`, and no master")
        self._check_master()
        if self.job_endpoint is not None and (self.job_server_jar or self.java_options or self.java != "java"):
            mend = "remove job_server_jar, java and java_options, or job_endpoint"
            raise fault("the job server at job_endpoint runs already", mend)
        if self.environment is None and not self.local and not (self.runner == "portable" and self._near()):
            mend = "`environment: {type: EXTERNAL, address: localhost:50000}`"
            raise fault("`environment` is missing: a cluster's hosts need workers", mend)
        if self.kind == "LOOPBACK" and not self.local and not self._near():
            raise fault("LOOPBACK workers are threads of this process, which a cluster does not reach", _EXAMPLES["address"])
        if self.worker_logs is not None and self.kind != "PROCESS":
            raise fault("`worker_logs` is for PROCESS", "a worker-pool is told by its --logs")
        return self

    def _check_master(self) -> None:
        master = self.master
        if master is None:
            return
        if self.runner == "flink" and master not in _LOCAL_FLINK:
            if re.match(r"(spark|yarn|k8s|local)\b", master):
                raise fault(f"`{master}` is no master of Flink", "give host:port of its REST interface, such as flink:8081")
            _address(re.sub(r"^https?://", "", master).rstrip("/"))
        elif self.runner == "spark" and not re.fullmatch(r"local(\[.+\])?|yarn|(spark|k8s)://.+", master):
            raise fault(f"`{master}` is no master of Spark", "give spark://host:7077, yarn, k8s://… or local[2]")
        elif self.runner == "spark" and master.startswith("spark://"):
            for address in master.removeprefix("spark://").split(","):
                _address(address)

    def _near(self) -> bool:
        return self.master is None and (self.job_endpoint == EMBED or (self.job_endpoint or "").rpartition(":")[0] in _HOSTS)

    @property
    def local(self) -> bool:
        """Whether the engine runs inside the job server's JVM, on this machine."""
        if self.runner == "flink":
            return self.master in _LOCAL_FLINK
        return self.runner == "spark" and self.master is not None and bool(_LOCAL_SPARK.fullmatch(self.master))

    @property
    def at_a_time(self) -> int | None:
        """How many tasks run at the same time; None where the engine decides, or as many as this machine has processors."""
        if self.parallelism is None and self.runner == "spark" and self.local:
            found = re.fullmatch(r"local(?:\[([1-9]\d*)(?:,\s*\d+)?\])?", str(self.master))
            return int(found[1] or 1) if found else None
        return self.parallelism

    @property
    def kind(self) -> str:
        """The type of the environment."""
        return self.environment.type if self.environment is not None else "LOOPBACK"

    @property
    def rest(self) -> str | None:
        """The URL of Flink's REST interface, None where there is none to ask."""
        if self.runner != "flink" or self.master is None or self.local:
            return None
        return (self.master if self.master.startswith("http") else f"http://{self.master}").rstrip("/")

    @property
    def pools(self) -> list[str]:
        """Where this machine can ask the worker pools."""
        if self.environment is None or self.environment.type != "EXTERNAL":
            return []
        if self.environment.pools:
            return list(self.environment.pools)
        address = str(self.environment.address)
        own = address.rpartition(":")[0] in _HOSTS
        return [] if own and not self._engine_is_here() else [address]

    def _engine_is_here(self) -> bool:
        where = re.sub(r"^\w+://", "", self.master or self.job_endpoint or "")
        return self.local or where == EMBED or where.rpartition(":")[0] in _HOSTS

    def environment_options(self, loopback: str | None = None) -> list[str]:
        """Beam's options for the workers; `loopback` is where this process serves LOOPBACK workers."""
        environment = self.environment
        if environment is None or environment.type == "LOOPBACK":
            return ["--environment_type=EXTERNAL", f"--environment_config={loopback}"]
        if environment.type == "PROCESS":
            env = environment.env | ({"WEB2SHARDS_WORKER_LOGS": self.worker_logs} if self.worker_logs else {})
            config = json.dumps({"command": environment.command, "env": env}, sort_keys=True)
        else:
            config = str(environment.address or environment.image)
        return [f"--environment_type={environment.type}", f"--environment_config={config}"]

    def beam_options(self) -> list[str]:
        """Beam's options, but for the job server and the workers."""
        options = [f"--parallelism={self.parallelism}"] if self.parallelism is not None else []
        if self.sdk_worker_parallelism is not None:
            options.append(f"--sdk_worker_parallelism={self.sdk_worker_parallelism}")
        return options


def load_cluster(path_or_text: str | File) -> Cluster:
    """The profile of a file, or of a text of several lines. RecipeError that lists every problem. A relative path of a jar
    or of Java starts at the file's folder."""
    mend = "give the path of a cluster profile (runbooks/flink.md, runbooks/spark.md)"
    source = read_source(path_or_text, "cluster", "cluster profile", mend)
    if not isinstance(source.value, dict):
        mend = "begin with `runner: flink`; runbooks/flink.md has one"
        raise RecipeError(f"{source.name}:1: a cluster profile is keys and values", mend)
    if not (isinstance(path_or_text, str) and "\n" in path_or_text):
        for key in ("job_server_jar", "java"):
            given = source.value.get(key)
            if isinstance(given, str) and given and (key != "java" or "/" in given):  # else a command of the PATH
                source.value[key] = str(File(path_or_text).parent / given)
    try:
        return Cluster.model_validate(source.value)
    except ValidationError as error:
        raise error_of([_with_mend(problem) for problem in problems_of(error, source)], source) from None


def _with_mend(problem: Problem) -> Problem:
    """The keys that there are, where one is unknown or missing."""
    section, _, key = problem.path.rpartition(".")
    models: dict[str, type[BaseModel]] = {"": Cluster, "environment": Environment, "storage": Storage}
    if problem.message.startswith(("unknown key", "a section `")) and section in models:
        return replace(problem, message=f"unknown key `{key}`", mend=near(key, list(models[section].model_fields)))
    if problem.message == "`runner` is missing":
        return replace(problem, mend="add `runner: flink` or `runner: spark`")
    if problem.message == "`type` is missing":
        return replace(problem, mend="say how workers come to be: `type: EXTERNAL`, PROCESS, DOCKER or LOOPBACK")
    if "is no name" in problem.message:
        mend = "name an environment variable, not what it holds"
        return replace(problem, mend=mend, message="is no name of an environment variable")
    return problem
