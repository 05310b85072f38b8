#!/usr/bin/env bash
# Sets up everything `make demo` and `make test` need: the missing system packages of packages.txt
# (apt, with sudo where not root) and .venv. Does nothing where all is there already.
#   scripts/setup.sh         what converting, building and running need
#   scripts/setup.sh train   also what training needs (PyTorch, scikit-learn)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

# Packages of packages.txt whose check fails.
missing_packages() {
    local line
    while IFS= read -r line; do
        [[ -z $line || $line == \#* ]] && continue
        bash -c "${line#* | }" >/dev/null 2>&1 </dev/null || printf '%s\n' "${line%% | *}"
    done <packages.txt
}

install_packages() {
    local missing sudo=()
    mapfile -t missing < <(missing_packages)
    [[ ${#missing[@]} -eq 0 ]] && return
    if ! command -v apt-get >/dev/null; then
        say "this system has no apt; please install what these Debian packages hold: ${missing[*]}"
        say "then run the same command again."
        exit 1
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            say "please install as root: apt-get install ${missing[*]}"
            exit 1
        fi
        sudo=(sudo)
    fi
    say "installing system packages: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq >&2
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
    mapfile -t missing < <(missing_packages)
    if [[ ${#missing[@]} -ne 0 ]]; then
        say "apt installed them, but these are still not usable: ${missing[*]}"
        exit 1
    fi
}

# The first Python that is new enough.
find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "edgewright needs Python 3.11 or newer; found $(python3 --version 2>&1)"
    exit 1
}

install_venv() {
    local python stamp wanted extras
    stamp=.venv/.edgewright-setup${1:+-$1}
    extras=dev${1:+,$1}
    wanted=$(cat pyproject.toml scripts/setup.sh | sha256sum)
    [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && .venv/bin/python -c 'import edgewright' 2>/dev/null && return
    python=$(find_python)
    if ! .venv/bin/python -c '' 2>/dev/null; then
        say "creating .venv with $("$python" --version)"
        "$python" -m venv --clear .venv
    fi
    say "installing Python packages into .venv (a few minutes the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "pip>=23" "setuptools>=77"
    if [[ ${1:-} == train ]]; then
        # One release, so that training gives the same results everywhere. Machines without a GPU get a
        # smaller build with PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0"
    fi
    # setuptools warns about every editable install; PYTHONWARNINGS keeps that from newcomers.
    PYTHONWARNINGS=ignore .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e ".[$extras]"
    printf '%s\n' "$wanted" >"$stamp"
}

install_packages
install_venv "$@"
