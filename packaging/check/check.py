#!/usr/bin/env python3
"""Checks what stands in packaging/: with the tools of those who read it, and with the real programs.

Run by `cargo xtask ci packaging`, which fetches the tools: check.py TOOLS PROGRAMS, two folders.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
CHART = PACKAGING / "helm" / "spinel"
TOOLS, PROGRAMS = (Path(word).resolve() for word in sys.argv[1:3])
# The releases of Kubernetes that the chart is for, the oldest and the newest.
RELEASES = ("1.25", "1.35")
# In seconds; long enough for a busy machine.
PATIENCE = 180
# How much of the system a service may reach at most, as systemd counts: tenths of ten.
EXPOSURE_MAX = 20


def check(holds, message):
    if not holds:
        raise AssertionError(message)


def output(*words, **options):
    """What a program prints; it must succeed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    check(done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def fails(*words):
    return subprocess.run([str(word) for word in words], capture_output=True).returncode != 0


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def get(port, path, user=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Server:
    """The real server with a file of settings, at home on loopback and in a folder of its own."""

    def __init__(self, folder, text, *words, environment=None):
        self.folder, self.port, self.http = Path(folder), free_port(), free_port()
        is_encrypted = "\ntls-port" in text
        for place in ("/data", "/etc/spinel", "/var/lib/spinel", "/var/log/spinel", "/run/spinel", "/run/secrets"):
            if place in text or any(place in word for word in words):
                (self.folder / place[1:]).mkdir(parents=True, exist_ok=True)
                text = text.replace(place, str(self.folder) + place)
                words = [word.replace(place, str(self.folder) + place) for word in words]
        settings = self.folder / "spinel.conf"
        settings.write_text(text)
        ports = ["--port", "0", "--tls-port", self.port] if is_encrypted else ["--port", self.port]
        if "\nhttp-port" in text:
            ports += ["--http-port", self.http, "--http-bind", "127.0.0.1"]
        # Standard output, whatever the file says, so that the log can be followed.
        words = [*words, *ports, "--bind", "127.0.0.1", "--logfile", "", "--loglevel", "notice"]
        self.process = subprocess.Popen(
            [PROGRAMS / "spinel-server", settings, *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=environment,
        )
        self.log = []
        self.watchdog = threading.Timer(PATIENCE, self.process.kill)
        self.watchdog.start()

    def __enter__(self):
        for line in self.process.stdout:
            self.log.append(line)
            if "Ready to accept connections" in line:
                break
        log = "".join(self.log)
        check("Ready to accept connections" in log, f"the server did not start:\n{log}")
        check("without effect" not in log, f"a setting does nothing:\n{log}")
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        self.log += self.process.stdout.readlines()
        status = self.process.wait(PATIENCE)
        self.watchdog.cancel()
        check(kind or status == 0, f"the server ended with {status}:\n{''.join(self.log)}")


def docker():
    folder = PACKAGING / "docker"
    output(TOOLS / "bin" / "hadolint", "--failure-threshold", "info", folder / "Dockerfile")
    text = (folder / "Dockerfile").read_text()
    sources = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) ", text, re.M)
    check("." in sources, "the sources are copied")
    for source in sources:
        check((ROOT / source).exists(), f"{source} is not there")
    allowed = [line[1:] for line in (folder / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    for entry in allowed:
        check((ROOT / entry).exists(), f"{entry} is let in and not there")
    members = re.search(r"\nmembers = \[(.*?)\]", (ROOT / "Cargo.toml").read_text(), re.S).group(1)
    for member in re.findall(r'"(.*?)"', members):
        check(member in allowed, f"the image is built without {member}")
    check("\nUSER 65532:65532\n" in text and "\nVOLUME /data\n" in text, "user and volume")
    health = json.loads(re.search(r"HEALTHCHECK .*?CMD (\[.*?\])", text, re.S).group(1))
    entry = json.loads(re.search(r"^ENTRYPOINT (\[.*\])", text, re.M).group(1))
    check(entry == ["/usr/local/bin/spinel-server", "/etc/spinel/spinel.conf"], "the server is the first process")
    settings = (folder / "spinel.conf").read_text()
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    service = compose["services"]["spinel"]
    check((folder / service["build"]["context"] / service["build"]["dockerfile"]).exists(), "what Compose builds")
    for words in ([], service["command"]):
        with tempfile.TemporaryDirectory() as folder:
            if words:
                (Path(folder) / "run/secrets").mkdir(parents=True)
                (Path(folder) / "run/secrets/password").write_text("secret")
            with Server(folder, settings, *words) as server:
                probe = [PROGRAMS / Path(health[0]).name] + [server.port if word == "6379" else word for word in health[1:]]
                output(*probe)
                check(get(server.http, "/readyz")[0] == 200, "ready")
                if words:
                    environment = {**os.environ, "REDISCLI_AUTH": "secret"}
                    said = output(PROGRAMS / "spinel-cli", "-p", server.port, "SET", "k", "v", env=environment)
                    check(said == "OK\n", said)
            check(fails(*probe), "a server that is gone is not healthy")
            files = sorted(path.name for path in (Path(folder) / "data").iterdir())
            check(("appendonlydir" in files) == bool(words), f"the volume holds the data: {files}")


def systemd():
    if not shutil.which("systemd-analyze"):
        return "systemd-analyze is not installed"
    with tempfile.TemporaryDirectory() as folder:
        text = (PACKAGING / "systemd" / "spinel.service").read_text()
        check("/usr/bin/spinel-server /etc/spinel/spinel.conf" in text, "what is started")
        unit = Path(folder) / "spinel.service"
        here = text.replace("/usr/bin/spinel-server", str(PROGRAMS / "spinel-server"))
        # The user is made when the package is installed.
        unit.write_text(here.replace("\nUser=spinel\nGroup=spinel\n", "\n"))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines() if "spinel.service" in line]
        check(not said and done.returncode == 0, done.stderr)
        unit.write_text(here)
        output("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
        path = Path(folder) / "notify"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(path))
        notify.settimeout(PATIENCE)
        words = re.search(r"^ExecStart=\S+ \S+ (.*)$", text, re.M).group(1).split()
        settings = (PACKAGING / "debian" / "spinel.conf").read_text()
        environment = {**os.environ, "NOTIFY_SOCKET": str(path)}
        with Server(folder, settings, *words, environment=environment) as server:
            said = b""
            while b"READY=1" not in said:
                said = notify.recv(1000)
            check((Path(folder) / "run/spinel/spinel.pid").read_text().strip() == str(server.process.pid), "pid file")
        check(notify.recv(1000) == b"STOPPING=1", "the end is told")


def debian():
    text = (PACKAGING / "debian" / "spinel.conf").read_text()
    # What is commented out must be accepted, too; TLS needs files that are not there.
    shown = re.sub(r"^# (?!tls-|requirepass-file|aclfile)([a-z][a-z0-9-]* \S+)$", r"\1", text, flags=re.M)
    check("\nmaxmemory 1gb\n" in shown and "\nhttp-port 9121\n" in shown, shown)
    with tempfile.TemporaryDirectory() as folder, Server(folder, shown) as server:
        check(get(server.http, "/healthz")[0] == 200, "healthy")
        lines = [json.loads(line) for line in server.log]
        check(lines[-1]["message"].startswith("Ready"), lines)
    if shutil.which("logrotate"):
        output("logrotate", "--debug", "--state", "/dev/null", PACKAGING / "debian" / "spinel.logrotate")
    output(PROGRAMS / "spinel-server", "--version")


def rendered(values):
    words = ["-f", values] if values else []
    helm = TOOLS / "helm" / "helm"
    output(helm, "lint", "--strict", CHART, *words)
    text = output(helm, "template", "db", CHART, "--namespace", "store", *words)
    for release in RELEASES:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            output(TOOLS / "bin" / "kubernetes-validate", "--strict", "--no-warn", "-k", release, file.name)
    return [document for document in yaml.safe_load_all(text) if document]


def one(documents, kind, end=""):
    found = [document for document in documents if document["kind"] == kind and document["metadata"]["name"].endswith(end)]
    check(len(found) == 1, f"{kind} …{end}: {len(found)}")
    return found[0]


def certificate(folder):
    """A certificate for this machine, which signs itself, under the names that the chart gives files."""
    output("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
           "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
           "-keyout", folder / "tls.key", "-out", folder / "tls.crt")
    shutil.copy(folder / "tls.crt", folder / "ca.crt")


def chart_runs(documents):
    """The chart's settings, with the files that its pod mounts, start a server that its probes find healthy."""
    pod = one(documents, "StatefulSet")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in one(documents, "StatefulSet")["spec"].get("volumeClaimTemplates", [])}
    check({mount["name"] for mount in container["volumeMounts"]} == volumes, "each volume is there and mounted")
    settings = one(documents, "Secret", "-config")["stringData"]["spinel.conf"]
    secured = "requirepass-file" in settings
    with tempfile.TemporaryDirectory() as folder:
        for mount in ("/etc/spinel/auth", "/etc/spinel/tls"):
            check((mount + "/" in settings) == (mount in mounts), f"{mount} is mounted where it is named")
            (Path(folder) / mount[1:]).mkdir(parents=True)
        (Path(folder) / "etc/spinel/auth/password").write_text("secret")
        certificate(Path(folder) / "etc/spinel/tls")
        with Server(folder, settings) as server:
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container[name]
                check("httpGet" in probe or not secured, "with a password HTTP is served to the kubelet")
                if "httpGet" in probe:
                    check(get(server.http, probe["httpGet"]["path"])[0] == 200, name)
                elif "exec" in probe:
                    words = [server.port if word == "6379" else word for word in probe["exec"]["command"]]
                    output(PROGRAMS / Path(words[0]).name, *words[1:])
            if secured:
                check(get(server.http, "/metrics")[0] == 401, "metrics need a password")
                secret = one(documents, "Secret", "-auth")["data"]
                name, password = (base64.b64decode(secret[f"metrics-{part}"]).decode() for part in ("username", "password"))
                check(hashlib.sha256(password.encode()).hexdigest() in settings, "the hash is that of the password")
                status, text = get(server.http, "/metrics", f"{name}:{password}")
                check(status == 200 and "\nredis_up 1\n" in text, f"{status}: {text}")
                check("redis_commands_latencies_usec" in text and "redis_slowlog_length" in text, "nothing is missing")


def helm():
    for values in (None, *sorted((PACKAGING / "helm" / "check").glob("*.yaml"))):
        documents = rendered(values)
        chart_runs(documents)
        if values and values.stem == "everything":
            for kind in ("ServiceMonitor", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount"):
                one(documents, kind)
    for wrong in ("auth.enabeld=true", "tls.enabled=true", "aclUsers[0].name=x,aclUsers[0].rules=y", "persistence.size=big",
                  "config.Port=1", "metrics.username=default", "auth.enabled=false,metrics.serviceMonitor.enabled=true"):
        check(fails(TOOLS / "helm" / "helm", "template", "db", CHART, "--set", wrong), f"{wrong} is accepted")
    version = re.search(r'\nversion = "(.*?)"', (ROOT / "Cargo.toml").read_text()).group(1)
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    check(about["appVersion"] == version, f"the chart is for {about['appVersion']}, this is {version}")


def monitoring():
    folder = PACKAGING / "monitoring"
    dashboard = json.loads((folder / "dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    identities = [panel["id"] for panel in dashboard["panels"]]
    check(len(set(identities)) == len(identities), "panels have numbers of their own")
    rules = [rule for group in yaml.safe_load((folder / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    check(len({rule["alert"] for rule in rules}) == len(rules), "alerts have names of their own")
    for rule in rules:
        check(rule["labels"]["severity"] in ("info", "warning", "critical"), rule)
        check(set(rule["annotations"]) == {"summary", "description"}, rule)
    for query in queries + [rule["expr"] for rule in rules]:
        promql_parser.parse(query.replace("$__rate_interval", "5m").replace("$instance", "a"))
    check(len(queries) > 20 and len(rules) > 5, "they are found")


def workflows():
    node = TOOLS / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    check(files, "there are workflows")
    output("node", node, *files, cwd=ROOT)


def main():
    for part in (docker, systemd, debian, helm, monitoring, workflows):
        lack = part()
        print(f"packaging: {part.__name__}: {f'NOT CHECKED: {lack}' if lack else 'ok'}", flush=True)
    print("packaging: no daemon builds the image here; its steps and settings are checked without one")


if __name__ == "__main__":
    main()
