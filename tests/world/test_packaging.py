"""What administrators install: by pip, by pipx, from wheel and sdist, and as a Debian package.

Each way to install that README.md names is gone as it stands there. Debian packages are built and
installed in a small Debian of their own.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from check_reverse_mx import __version__
from reverse_mx.findings import FINDINGS, STATES
from reverse_mx.options import make_parser
from tests import ROOT
from tests.helpers.chroot import Chroot, perl_modules
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Program, zone
from tests.helpers.realservers import FOLDER

ZONE = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)
OK = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
INSTALLED = "/usr/lib/nagios/plugins/check_reverse_mx"
MODULE = "/usr/lib/python3/dist-packages/check_reverse_mx.py"
BIN = Path(sys.executable).parent
NOT_SOURCE = (".*", "build", "dist", "__pycache__", "*.egg-info")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Return what a command wrote, which must succeed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def status_of(program: Path) -> str:
    """The status line of an installed plugin."""
    with NameServer(ZONE) as server:
        return Program(Path("/usr/bin/env"), program).ask(server, "-d", "example.com").status


def ways_to_install() -> dict[str, list[str]]:
    """The commands under "Install" in README.md, by the comment above them."""
    text = (ROOT / "README.md").read_text("utf-8").partition("\n## Install\n")[2]
    ways = {}
    for way in re.findall(r"(?ms)^```sh\n# (.*?)^```$", text.partition("\n## ")[0]):
        comment, *commands = way.splitlines()
        ways[comment] = commands
    return ways


def way(words: str) -> list[str]:
    """The commands of README.md in whose comment the words are."""
    (found,) = (commands for comment, commands in ways_to_install().items() if words in comment)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, so that builds leave nothing in it."""
    copy = tmp_path_factory.mktemp("source") / "check_reverse_mx"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    return copy


@pytest.fixture(scope="module")
def dist(source: Path) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    output = run(sys.executable, "-W", "default", "-m", "build", source)
    assert not re.search("[Dd]eprecat", output), output
    return source / "dist"


def test_sdist_has_every_file_of_the_repository(source: Path, dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    made = {"dist", "build", "check_reverse_mx.egg-info"}
    ours = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and path.relative_to(source).parts[0] not in made
    }
    assert ours - files == set()
    assert {name for name in files - ours if "egg-info" not in name} <= {
        "",
        "PKG-INFO",
        *(str(path.relative_to(source)) for path in source.rglob("*") if path.is_dir()),
    }


def test_wheel_has_the_module_its_command_and_the_licence(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    info = f"check_reverse_mx-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert sorted(archive.namelist()) == [
            f"{info}/METADATA",
            f"{info}/RECORD",
            f"{info}/WHEEL",
            f"{info}/entry_points.txt",
            f"{info}/licenses/LICENSE",
            f"{info}/top_level.txt",
            "check_reverse_mx.py",
            *sorted(f"reverse_mx/{room.name}" for room in ROOT.glob("reverse_mx/*.py")),
        ]
        metadata = archive.read(f"{info}/METADATA").decode().splitlines()
    for line in ("License: MIT", "License-File: LICENSE", "Requires-Python: >=3.9"):
        assert line in metadata


def test_wheel_from_the_sdist_runs(dist: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path)
    run(tmp_path / "bin" / "pip", "install", "--quiet", wheel)
    assert status_of(tmp_path / "bin" / "check_reverse_mx") == OK


@pytest.mark.parametrize("how", ["pip", "pipx"])
def test_readme_installs_with(how: str, source: Path, tmp_path: Path) -> None:
    """The commands as they are, but under another root."""
    commands = "\n".join(way(how if how == "pipx" else "pip in"))
    elsewhere = re.sub(r"(?m)(^|(?<=[ =]))/(?=opt/|usr/)", f"{tmp_path}/", commands)
    run("sh", "-ec", elsewhere, cwd=source)
    assert status_of(tmp_path / INSTALLED.lstrip("/")) == OK


def make(kind: str, folder: Path) -> Path:
    """The man page or the completion, as tools/generate.py makes it."""
    file = folder / kind
    file.write_text(run(sys.executable, ROOT / "tools" / "generate.py", kind), "utf-8")
    return file


def options() -> list[str]:
    return [
        option for action in make_parser(__version__)._actions for option in action.option_strings
    ]


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("completion", tmp_path_factory.mktemp("completion"))


def complete(completion: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    script = f"""
        source {completion}
        COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}
        $(complete -p check_reverse_mx | sed 's/.*-F //; s/ .*//')
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
    return run("bash", "--norc", "-ec", script).split()


def test_completion_offers_every_option(completion: Path) -> None:
    assert sorted(complete(completion, "check_reverse_mx", "-")) == sorted(options())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["--auth"], ["--authoritative"], id="option"),
        pytest.param(
            ["-d", "a.example", "b.example", "--sp"], ["--spf"], id="after-several-domains"
        ),
        pytest.param(
            ["--state", "missing-"], [f"missing-ptr={state}" for state in STATES], id="finding"
        ),
        pytest.param(["--state", "missing-ptr", "="], list(STATES), id="every-state"),
        pytest.param(["--state", "missing-ptr", "=", "w"], ["warning"], id="state"),
        pytest.param(
            ["--state", "missing-ptr", "=", "ok", "--smtp-"], ["--smtp-port"], id="after-a-state"
        ),
    ],
)
def test_completion_of(words: Sequence[str], offered: list[str], completion: Path) -> None:
    assert complete(completion, "check_reverse_mx", *words) == offered


def test_completion_offers_every_finding(completion: Path) -> None:
    offered = complete(completion, "check_reverse_mx", "--state", "")
    assert offered == [f"{finding}={state}" for finding in FINDINGS for state in STATES]


@pytest.fixture(scope="module")
def deb() -> Path:
    """The Debian package, made by the first command that README.md has for it."""
    first, _ = way("Debian package")
    # A make above it would have it tell of each folder.
    output = run("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "sh", "-ec", first, cwd=ROOT)
    assert output.startswith("This makes a small Debian to build in, under .debian, as root"), (
        output
    )
    assert re.search(r"^Lintian v", output, re.MULTILINE), output
    (package,) = (ROOT / "dist").glob("check-reverse-mx_*.deb")
    return package


def libraries(form: str) -> set[str]:
    """The libraries that setup.cfg names, with name and version in a form."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    named = re.findall(r"^(\w+)\S*?>=([\d.]+)", setup["options"]["install_requires"], re.MULTILINE)
    assert len(named) == 2
    return {form.format(name, version) for name, version in named}


def test_package_needs_the_libraries_that_setup_cfg_names() -> None:
    control = (ROOT / "debian" / "control").read_text("utf-8")
    found = set(re.findall(r"^ (python3-\w+ \(>= .*\)),$", control, re.MULTILINE))
    assert found == libraries("python3-{} (>= {})")


def test_package_has_the_licence() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8").partition("authors\n")[2].split()
    copyright_file = (ROOT / "debian" / "copyright").read_text("utf-8")
    assert (
        copyright_file.partition("License: Expat\n")[2].replace("\n .\n", "\n").split() == licence
    )


def test_package_ships_all_of_contrib(deb: Path) -> None:
    shipped = run("dpkg-deb", "--contents", deb)
    examples = set(
        re.findall(r"(?m) \./usr/share/doc/check-reverse-mx/examples/(\S+?)(?:\.gz)?$", shipped)
    )
    assert {path.name for path in (ROOT / "contrib").iterdir()} <= {
        example.partition("/")[0] for example in examples
    }


def test_small_debian_is_made_with_no_more_than_perl_base(deb: Path) -> None:
    """As a minimal Debian has it: the modules come with mmdebstrap."""
    with Chroot(FOLDER) as chroot:
        chroot.run(
            "sh",
            "-c",
            "dpkg --purge --force-all $(dpkg -l '*perl*' | awk '/^ii/ && !/perl-base/ {print $2}')",
        )
        lacking = chroot.run("perl", "-MPod::Usage", "-e", "1", check=False)
        assert lacking.returncode
        copy = chroot.root / "root" / "root"
        for modules in [FOLDER / "root/usr/share/perl", *FOLDER.glob("root/usr/lib/*/perl")]:
            shutil.copytree(modules, copy / modules.relative_to(FOLDER / "root"), symlinks=True)
        shutil.copy(FOLDER / "root/usr/bin/mmdebstrap", copy)
        where = perl_modules(chroot.root / "root").replace(str(chroot.root), "")
        told = chroot.run("perl", "root/mmdebstrap", "--version", env={"PERL5LIB": where})
    assert told.stdout.startswith("mmdebstrap ")


def install(chroot: Chroot, package: Path) -> None:
    """Install the package by the command of README.md."""
    _, command = way("Debian package")
    (chroot.root / "root" / "dist").mkdir()
    shutil.copy(package, chroot.root / "root" / "dist")
    chroot.run("sh", "-ec", command, network=True)


def apt(chroot: Chroot, *packages: str) -> None:
    """Install packages; whatever else apt asks for is answered with yes."""
    (chroot.root / "etc/apt/apt.conf.d/yes").write_text('APT::Get::Assume-Yes "true";\n')
    chroot.run("apt-get", "update", network=True)
    chroot.run("apt-get", "install", "--no-install-recommends", *packages, network=True)


# make release


def commit(repository: Path) -> None:
    """Commit all that is there."""
    git = ("git", "-c", "user.name=n", "-c", "user.email=n@localhost", "-C", repository)
    run(*git, "init", "--quiet")
    run(*git, "add", ".")
    run(*git, "commit", "--quiet", "--message", "all")


@pytest.fixture(scope="module")
def repository(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which all is committed."""
    folder = tmp_path_factory.mktemp("repository") / "first"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    shutil.copy(ROOT / ".gitignore", folder)
    (folder / ".debian").symlink_to(FOLDER)
    commit(folder)
    return folder


def release(repository: Path, *shell: str) -> dict[str, bytes]:
    """Make a release, and return its files."""
    make = f"{sys.executable} tools/release.py"
    run("sh", "-ec", "; ".join((*shell, make)), cwd=repository)
    return {file.name: file.read_bytes() for file in (repository / "dist").iterdir()}


@pytest.fixture(scope="module")
def released(repository: Path) -> dict[str, bytes]:
    return release(repository)


def test_release_has_every_way_to_install(repository: Path, released: dict[str, bytes]) -> None:
    names = {
        "check_reverse_mx",
        f"check-reverse-mx_{__version__}_all.deb",
        f"check_reverse_mx-{__version__}-py3-none-any.whl",
        f"check_reverse_mx-{__version__}.tar.gz",
    }
    assert released.keys() == {*names, "SHA256SUMS"}
    checked = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=repository / "dist")
    assert {line.partition(":")[0] for line in checked.splitlines()} == names


def test_release_of_one_commit_is_the_same_octets_again(
    repository: Path, released: dict[str, bytes], tmp_path: Path
) -> None:
    """By another user's settings, in another folder, of files of another time."""
    clone = tmp_path / "second"
    run("git", "clone", "--quiet", repository, clone)
    (clone / ".debian").symlink_to(FOLDER)
    again = release(clone, "umask 077", "export TZ=Asia/Tokyo PYTHONHASHSEED=5")
    assert [name for name in released if released[name] != again[name]] == []


@pytest.mark.parametrize("kind", ["changed", "new"])
def test_release_is_made_of_what_is_committed_alone(
    kind: str, repository: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", repository, clone)
    file = clone / ("README.md" if kind == "changed" else "new.txt")
    file.write_text("not committed")
    program = clone / "tools" / "release.py"
    ended = subprocess.run(
        [sys.executable, program], stderr=subprocess.PIPE, text=True, check=False
    )
    mark = " M" if kind == "changed" else "??"
    assert (ended.returncode, ended.stderr) == (
        1,
        "release.py: a release is made of a commit, and these differ from it:\n"
        f"{mark} {file.name}\n\n",
    )
    assert not (clone / "dist").exists()


# contrib/check_reverse_mx.spec


def test_rpm_builds_and_runs(released: dict[str, bytes]) -> None:
    """With Debian's rpm, whose database knows no package of the Debian that it is in."""
    spec = ROOT / "contrib" / "check_reverse_mx.spec"
    with Chroot(FOLDER) as chroot:
        apt(chroot, "rpm", "python3-nagiosplugin", "python3-dnspython", "python3-idna")
        home = chroot.root / "root"
        shutil.copy(spec, home)
        for name, content in released.items():
            if name.endswith(".tar.gz"):
                (home / name).write_bytes(content)
        build = "rpmbuild -bb --nodeps --define '_sourcedir /root' check_reverse_mx.spec"
        chroot.run("sh", "-ec", build)
        (package,) = chroot.run("sh", "-c", "ls rpmbuild/RPMS/*/*.rpm").stdout.split()
        needed = chroot.run("rpm", "-qpR", package).stdout.splitlines()
        assert {"python3dist(dnspython) >= 2.3", "python3dist(nagiosplugin) >= 1.3.2"} <= {*needed}
        chroot.run("rpm", "-i", "--nodeps", "--force-debian", package)
        files = chroot.run("rpm", "-qpl", package).stdout.splitlines()
        (plugin,) = (file for file in files if file.endswith("plugins/check_reverse_mx"))
        with chroot.name_server(ZONE):
            ended = chroot.run(plugin, "-d", "example.com", check=False)
    assert (ended.stdout.partition(" | ")[0], ended.stderr, ended.returncode) == (OK, "", 0)


def test_rpm_is_of_this_version_and_needs_the_libraries_that_setup_cfg_names() -> None:
    spec = (ROOT / "contrib" / "check_reverse_mx.spec").read_text("utf-8")
    assert f"\nVersion: {__version__}\n" in spec
    found = set(re.findall(r"(?m)^Requires: (python3dist\S+ >= \S+)$", spec))
    assert found == libraries("python3dist({}) >= {}")


@pytest.fixture(scope="module")
def debian(deb: Path) -> Iterator[Chroot]:
    """A Debian with Icinga 2 and the package."""
    with Chroot(FOLDER) as chroot:
        apt(chroot, "bash-completion", "icinga2", "man-db")
        install(chroot, deb)
        yield chroot


def test_installed_plugin_runs(debian: Chroot) -> None:
    with debian.name_server(ZONE):
        ended = debian.run(INSTALLED, "-d", "example.com", check=False)
    assert (ended.stdout.partition(" | ")[0], ended.stderr, ended.returncode) == (OK, "", 0)


def test_installed_module_is_compiled(debian: Chroot) -> None:
    """No check compiles it: a user who may not write there could not keep what it compiled."""
    found = f"import importlib.util as i; print(i.cache_from_source('{MODULE}'))"
    cached = debian.run("python3", "-c", found).stdout.strip()
    assert debian.run("test", "-s", cached, check=False).returncode == 0


def test_installed_command_is_loaded_by_icinga(debian: Chroot) -> None:
    """A service of this command would not load without the command."""
    (debian.root / "etc/icinga2/conf.d/mail.conf").write_text(
        """\
        log("the plugin is " + PluginDir + "/check_reverse_mx")
        object Service "mail" {
          host_name = NodeName
          check_command = "reverse_mx"
        }
        """
    )
    output = debian.run("icinga2", "daemon", "--validate").stdout
    assert f"the plugin is {INSTALLED}\n" in output
    assert "Finished validating the configuration file(s)." in output


def test_installed_man_page_shows_every_option_and_finding(debian: Chroot) -> None:
    page = debian.run("man", "check_reverse_mx", env={"MANWIDTH": "80"}).stdout
    words = set(re.findall(r"[^\s,()[\]]+", page))
    # argparse-manpage has the help in the synopsis only.
    assert {*options(), *FINDINGS} - {"--help"} - words == set()
    assert max(map(len, page.splitlines())) <= 80
    warnings = debian.run(
        "sh",
        "-ec",
        "man --warnings -E UTF-8 -l -Tutf8 -Z /usr/share/man/man1/check_reverse_mx* >/dev/null",
    )
    assert warnings.stderr == ""


def test_installed_completion_completes_in_a_shell_at_the_path(debian: Chroot) -> None:
    """TABs make an option of what the plugin would not take; with a path the first only loads."""
    typed = (
        f"source /usr/share/bash-completion/bash_completion\\n{INSTALLED} --versi\\t\\t\\nexit\\n"
    )
    shell = f"printf '{typed}' | script --quiet --command 'bash --norc -i' /dev/null"
    lines = debian.run("sh", "-c", shell, env={"TERM": "dumb"}).stdout.splitlines()
    assert f"check_reverse_mx {__version__}" in [line.strip() for line in lines]


def test_systemd_takes_the_feeders_units_where_the_document_puts_them(debian: Chroot) -> None:
    """And the document's commands put all of it there."""
    apt(debian, "systemd")
    shutil.copytree(ROOT / "contrib", debian.root / "root" / "checkout" / "contrib")
    text = (ROOT / "docs" / "feed.md").read_text("utf-8")
    (commands,) = re.findall(r"(?ms)^```sh\n(.*?)^```$", text)
    debian.run("sh", "-ec", f"cd checkout\n{commands}")
    named = re.search(r"`systemctl enable --now\s(\S+)`", text)
    assert named
    verify = ("systemd-analyze", "verify", "--man=no", named[1], f"{Path(named[1]).stem}.service")
    # It tells of an unknown key, and still exits with 0.
    checked = debian.run(*verify)
    assert (checked.stdout, checked.stderr) == ("", "")
    (debian.root / "usr/local/lib/check_reverse_mx/feed").unlink()
    checked = debian.run(*verify, check=False)
    assert "/usr/local/lib/check_reverse_mx/feed is not executable" in checked.stderr


def test_removed_package_leaves_nothing(deb: Path) -> None:
    """Installed without Icinga, and with all that it needs already there."""
    with Chroot(FOLDER) as chroot:
        apt(chroot, "python3-nagiosplugin", "python3-dnspython", "python3-idna")

        def files() -> set[str]:
            kept = "/proc /dev /root /run /tmp /var/cache/apt /var/lib/apt /var/lib/dpkg /var/log"
            without = " -o ".join(f"-path {folder}" for folder in kept.split())
            found = chroot.run("sh", "-c", f"find / \\( {without} \\) -prune -o -print")
            return set(found.stdout.splitlines())

        before = files()
        install(chroot, deb)
        assert {INSTALLED, MODULE} <= files() - before
        chroot.run("apt-get", "purge", "check-reverse-mx")
        assert files() ^ before == set()


def test_readme_installs_with_debians_libraries(source: Path) -> None:
    with Chroot(FOLDER) as chroot:
        apt(chroot)
        (chroot.root / INSTALLED.lstrip("/")).parent.mkdir(parents=True)
        shutil.copytree(source, chroot.root / "root" / "source")
        for command in way("one file"):
            chroot.run("sh", "-ec", f"cd source; {command}", network=True)
        shutil.rmtree(chroot.root / "root" / "source")
        with chroot.name_server(ZONE):
            ended = chroot.run(INSTALLED, "-d", "example.com", check=False)
    assert (ended.stdout.partition(" | ")[0], ended.stderr, ended.returncode) == (OK, "", 0)
