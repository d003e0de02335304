"""Flink 1.20 and Spark 3.5 started for real, without containers: masters, workers and the pools of Python beside them.

What is started as which class follows Flink's bin/flink-daemon.sh and Spark's sbin/; everything listens on its host only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engines.processes import LOCAL, ROOT, Host, Processes, asked, free_port, listens, wait_for

ENGINES = Path(os.environ.get("WEB2SHARDS_ENGINES", ROOT / "build" / "engines"))
FLINK_JAR = ENGINES / "jars" / "flink-1.20-job-server.jar"
SPARK_JAR = ENGINES / "jars" / "spark-3-job-server.jar"
#: A cluster profile, as it is written into a file.
Profile = dict[str, Any]
#: What a pool with a small disk of its own calls its host.
SMALL = "small-disk"
FORWARD = Path(__file__).with_name("forward.py")

#: Flink reads and writes private fields of these packages.
_OPENED = (
    "lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent", "util.concurrent.atomic",
    "util.concurrent.locks",
)  # fmt: skip
_OPENS = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in (*(f"java.{n}" for n in _OPENED), "sun.nio.ch")]
_OPENS += [
    f"--add-exports={name}=ALL-UNNAMED"
    for name in ("java.base/sun.net.util", "java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5")
]

#: The whole memory of a TaskManager is said, as flink-daemon.sh computes it otherwise; a lost TaskManager is noticed in 10 s.
_FLINK_SETTINGS = {
    "jobmanager.execution.failover-strategy": "region",
    "taskmanager.cpu.cores": "1.0",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.task.heap.size": "512m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.off-heap.size": "128m",
    "taskmanager.memory.managed.size": "256m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    "parallelism.default": "1",
    "heartbeat.timeout": "10000",
    "heartbeat.interval": "2000",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "10",
    "restart-strategy.fixed-delay.delay": "2 s",
}
_LOG4J = """rootLogger.level = INFO
rootLogger.appenderRef.f.ref = F
appender.f.name = F
appender.f.type = FILE
appender.f.fileName = ${sys:log.file}
appender.f.layout.type = PatternLayout
appender.f.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""


def require(engine: str, cluster: bool = True) -> None:
    """RuntimeError if an engine's job server, or what its cluster is made of, is not installed."""
    wanted = [FLINK_JAR if engine == "flink" else SPARK_JAR, *([ENGINES / engine / "installed.lock"] if cluster else [])]
    if lacking := ", ".join(str(path) for path in wanted if not path.is_file()):
        raise RuntimeError(f"{lacking}: not installed; make engines does it")


def home(name: str, package: str) -> Path:
    """The folder of jars of an engine that was installed from PyPI."""
    return next((ENGINES / name).glob(f"lib/python*/site-packages/{package}"))


@dataclass
class Pools:
    """Worker pools of one host, behind one address if they are several."""

    processes: Processes
    host: Host = LOCAL
    count: int = 2
    port: int = field(default_factory=free_port)
    #: The size of the disk that the cache of the first has for itself, as tmpfs takes it, on a host named SMALL; "": none.
    disk: str = ""
    started: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> Pools:
        ports = [self.port] if self.count == 1 else [free_port() for _ in range(self.count)]
        for port in ports:
            self.start_pool(port)
        if self.count > 1:
            self.processes.start(f"forward-{self.host.name}", [sys.executable, FORWARD, self.port, *ports], host=self.host)
        wait_for("a worker pool", lambda: all(listens(port, self.host) for port in {*ports, self.port}))
        return self

    def start_pool(self, port: int) -> None:
        """Starts the pool of a port (again), with a cache of its own."""
        name = f"pool-{self.host.name}-{port}"
        words = [sys.executable, "-m", "web2shards", "worker-pool", "--port", port, "--logs", self.logs(port)]
        cache = self.cache(port)
        cache.mkdir(exist_ok=True)
        if self.disk and port == next(iter(self.started), port):
            apart = f"mount -t tmpfs -o size={self.disk} tmpfs {cache} && hostname {SMALL} && exec \"$@\""
            words = ["unshare", "--mount", "--uts", "sh", "-c", apart, "sh", *words]
        self.started[port] = self.processes.start(name, words, host=self.host, more={"WEB2SHARDS_CACHE": str(cache)})

    def cache(self, port: int) -> Path:
        """Where the workers of a pool keep copies and drafts of what lies on an object store."""
        return self.processes.folder / f"cache-{self.host.name}-{port}"

    def logs(self, port: int) -> Path:
        """Where the pool of a port keeps the logs of its workers."""
        return self.processes.folder / f"workers-{self.host.name}-{port}"

    def profile(self) -> Profile:
        """The environment of a cluster profile whose workers start here."""
        told = [] if self.host.prefix else [f"127.0.0.1:{port}" for port in self.started]
        return {"environment": {"type": "EXTERNAL", "address": f"localhost:{self.port}", "pools": told}}


@dataclass
class Flink:
    """A JobManager and TaskManagers; those that stand by have a slot for a lost one's work."""

    processes: Processes
    host: Host = LOCAL
    settings: dict[str, str] = field(default_factory=dict)
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, workers: int = 2) -> Flink:
        require("flink")
        self.rest, self.rpc = free_port(), free_port()
        self.start_job_manager()
        for i in range(workers):
            self.start_worker(f"tm-{i + 1}")
        self.wait(workers)
        return self

    def wait(self, workers: int) -> None:
        """Waits until so many TaskManagers have registered, and no other, dead one is taken for alive."""
        living = sorted(name for name, process in self.workers.items() if process.poll() is None)
        wait_for(f"a Flink cluster of {workers} TaskManagers", lambda: len(living) == workers and self._registered() == living, 90)

    def _registered(self) -> list[str]:
        told = asked(f"http://{self.host.address}:{self.rest}/taskmanagers", self.host)
        return sorted(manager["id"] for manager in told.get("taskmanagers", []))

    def overview(self) -> dict[str, Any]:
        """What the JobManager says of the cluster; nothing while it does not answer."""
        return asked(f"http://{self.host.address}:{self.rest}/overview", self.host)

    def start_job_manager(self) -> None:
        self.manager = self._start("jm", self.host, "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
                                   ["-Xmx512m"], [])  # fmt: skip

    def start_worker(self, name: str, host: Host | None = None) -> None:
        memory = ["-Xms640m", "-Xmx640m", "-XX:MaxDirectMemorySize=320m", "-XX:MaxMetaspaceSize=256m"]
        memory.append("-XX:+ExitOnOutOfMemoryError")
        self.workers[name] = self._start(
            name, host or self.host, "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", memory,
            ["-D", f"taskmanager.resource-id={name}"],
        )  # fmt: skip

    def profile(self, parallelism: int = 2) -> Profile:
        """The cluster profile, but for the environment."""
        return _flink(f"{self.host.address}:{self.rest}", parallelism)

    def jobs(self) -> dict[str, str]:
        """The state of every job that the cluster knows."""
        return {
            job["id"]: job["status"] for job in asked(f"http://{self.host.address}:{self.rest}/jobs", self.host).get("jobs", [])
        }

    def _start(self, name: str, host: Host, entry: str, java: list[str], more: list[str]) -> subprocess.Popen[bytes]:
        conf, scratch = self.processes.folder / f"conf-{name}", self.processes.folder / f"scratch-{name}"
        conf.mkdir(exist_ok=True)
        scratch.mkdir(exist_ok=True)
        # A JobManager hands the files of a job to itself by the name localhost, whatever address it has.
        settings = {
            **_FLINK_SETTINGS,
            "jobmanager.rpc.address": self.host.address, "jobmanager.rpc.port": str(self.rpc),
            "jobmanager.bind-host": self.host.address if self.host is LOCAL else "0.0.0.0",
            "rest.address": self.host.address,
            "rest.bind-address": self.host.address, "rest.port": str(self.rest),
            "taskmanager.host": host.address, "taskmanager.bind-host": host.address,
            "taskmanager.numberOfTaskSlots": "1",
            "io.tmp.dirs": str(scratch), "blob.storage.directory": str(scratch),
            **self.settings,
        }  # fmt: skip
        (conf / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        (conf / "log4j.properties").write_text(_LOG4J)
        logs = [f"-Dlog.file={self.processes.folder / name}.log", f"-Dlog4j.configurationFile=file:{conf / 'log4j.properties'}"]
        words = ["java", *java, *_OPENS, *logs, "-cp", f"{home('flink', 'pyflink')}/lib/*", entry, "--configDir", conf, *more]
        return self.processes.start(name, words, host=host)


@dataclass
class Spark:
    """A standalone master and workers of one core each."""

    processes: Processes
    host: Host = LOCAL
    #: Settings of Spark for the jobs, such as spark.speculation.
    settings: dict[str, str] = field(default_factory=dict)
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, workers: int = 2) -> Spark:
        require("spark")
        self.port, self.web = free_port(), free_port()
        words = ["--host", self.host.address, "--port", self.port, "--webui-port", self.web]
        self.master = self._start("master", self.host, "Master", words)
        wait_for("a Spark master", lambda: "status" in self.overview(), 90)
        for i in range(workers):
            self.start_worker(f"worker-{i + 1}")
        self.wait(workers)
        return self

    def wait(self, workers: int) -> None:
        """Waits until so many workers have registered."""
        wait_for(f"a Spark cluster of {workers} workers", lambda: self.overview().get("aliveworkers") == workers, 90)

    def overview(self) -> dict[str, Any]:
        """What the master says of the cluster; nothing while it does not answer."""
        return asked(f"http://{self.host.address}:{self.web}/json/", self.host)

    def start_worker(self, name: str, host: Host | None = None) -> None:
        master, host = f"spark://{self.host.address}:{self.port}", host or self.host
        self.workers[name] = self._start(name, host, "Worker", [
            "--host", host.address, "--webui-port", 0, "-c", 1, "-m", "1200m",
            "-d", self.processes.folder / f"work-{name}", master,
        ])  # fmt: skip

    def profile(self, parallelism: int = 2) -> Profile:
        """The cluster profile, but for the environment."""
        settings = {
            "spark.driver.host": self.host.address, "spark.driver.bindAddress": self.host.address, "spark.ui.enabled": "false",
            "spark.executor.memory": "768m", **self.settings,
        }  # fmt: skip
        return _spark(f"spark://{self.host.address}:{self.port}", parallelism, settings)

    def _start(self, name: str, host: Host, what: str, words: list[Any]) -> subprocess.Popen[bytes]:
        spark = home("spark", "pyspark")
        more = {
            "SPARK_HOME": str(spark), "SPARK_LOCAL_IP": host.address, "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_LOCAL_DIRS": str(self.processes.folder / "local"),
        }  # fmt: skip
        entry = f"org.apache.spark.deploy.{what.lower()}.{what}"
        return self.processes.start(name, [spark / "bin" / "spark-class", entry, *words], host=host, more=more)


def local_flink(parallelism: int = 2) -> Profile:
    """Flink inside the job server's process, its workers in the driver's."""
    require("flink", cluster=False)
    return _flink("[local]", parallelism)


def local_spark(parallelism: int = 2) -> Profile:
    """Spark inside the job server's process, its workers in the driver's."""
    require("spark", cluster=False)
    settings = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
    return _spark(f"local[{parallelism}]", parallelism, settings)


def _flink(master: str, parallelism: int) -> Profile:
    return {"runner": "flink", "master": master, "parallelism": parallelism, "job_server_jar": str(FLINK_JAR)}


def _spark(master: str, parallelism: int, settings: dict[str, str]) -> Profile:
    return {
        "runner": "spark", "master": master, "parallelism": parallelism, "job_server_jar": str(SPARK_JAR),
        "java_options": [f"-D{key}={value}" for key, value in settings.items()],
    }  # fmt: skip
