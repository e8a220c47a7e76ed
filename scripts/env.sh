# Sourced by ./try, ./check and .ci/run: one environment of our own, made once, then only looked at.
#
#   env_ready GROUP...   makes sure that the groups (base, check, bench, hub, graph, serve) are installed as
#                        constraints.txt pins them, and sets `python` to the environment's own
#
# Needs a POSIX shell and either uv or a python3 with venv. Nothing outside $venv is written, but for
# a lock beside it. The caller sets `root` to the folder of the checkout.

venv=${TAIHANG_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
python=$venv/bin/python

# A user's own settings for other environments must not leak into this one.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX UV_SYSTEM_PYTHON
# Every command is a Python of its own: without bytecode each would compile some hundred modules anew.
unset PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX
export PYTHONNOUSERSITE=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

env_language() {
    for value in "${TAIHANG_LANG:-}" "${LC_ALL:-}" "${LC_MESSAGES:-}" "${LANG:-}"; do
        case $value in
        '') ;;
        [zZ][hH]*) echo zh && return ;;
        *) echo en && return ;;
        esac
    done
    echo en
}

# say ZH EN: one line for the user, in the user's language.
say() {
    if [ "$(env_language)" = zh ]; then printf '%s\n' "$1" >&2; else printf '%s\n' "$2" >&2; fi
}

# stop CODE ZH EN
stop() {
    code=$1
    shift
    say "$@"
    exit "$code"
}

env_ready() {
    if _env_holds "$@"; then return; fi
    if ! mkdir -p "$(dirname "$venv")" 2>/dev/null || ! true 2>/dev/null >>"$venv.lock"; then
        stop 2 "无法写入 $(dirname "$venv")：请换一个可写的位置，例如 TAIHANG_VENV=\$HOME/.cache/taihang-venv" \
            "cannot write to $(dirname "$venv"): choose a folder that you may write to, such as TAIHANG_VENV=\$HOME/.cache/taihang-venv"
    fi
    # Two calls at once: the second waits, then finds the work done.
    if command -v flock >/dev/null 2>&1; then
        exec 9>>"$venv.lock"
        flock 9
    fi
    if ! _env_holds "$@"; then
        _env_make
        for group in "$@"; do
            _env_holds "$group" || _env_install "$group"
        done
    fi
    exec 9>&-
}

# True when every group was installed to its end, from the pins of today, by the Python of today.
_env_holds() {
    [ -x "$python" ] && [ ! -e "$venv/.taihang-installing" ] && _env_is_ours || return 1
    "$python" -I "$root/scripts/groups.py" holds "$venv" "$@" 2>/dev/null
}

_env_is_ours() {
    [ "$(cat "$venv/.taihang-env" 2>/dev/null)" = "$root" ]
}

_env_make() {
    if [ -e "$venv/.taihang-env" ]; then
        owner=$(cat "$venv/.taihang-env")
        if [ "$owner" != "$root" ] && [ -e "$owner/scripts/env.sh" ]; then
            stop 2 "$venv 属于 $owner：请设置 TAIHANG_VENV 为另一个文件夹" \
                "$venv belongs to $owner: set TAIHANG_VENV to another folder"
        fi
        if [ ! -e "$venv/.taihang-installing" ] && _env_is_ours && "$python" -I -c 'import encodings' 2>/dev/null; then return; fi
        # Left half-made by a kill, made for a checkout that has moved, or its Python is gone.
        say "正在重建 $venv" "making $venv anew"
        _env_find_python
        rm -rf "$venv"
    elif [ -d "$venv" ] && [ -n "$(ls -A "$venv")" ]; then
        stop 2 "$venv 不是由本程序创建的环境，不会改动它：请移走它，或设置 TAIHANG_VENV 为另一个文件夹" \
            "$venv was not made by this script and is left as it is: move it away, or set TAIHANG_VENV to another folder"
    else
        _env_find_python
    fi
    mkdir -p "$venv"
    printf '%s\n' "$root" >"$venv/.taihang-env"
    : >"$venv/.taihang-installing"
    if _env_has_uv; then
        _env_run uv venv --quiet --allow-existing --python "${found:->=3.11}" "$venv"
    else
        _env_run "$found" -m venv "$venv"
        # Python 3.11 puts it in; nothing here needs it.
        _env_run "$python" -m pip uninstall --yes setuptools
    fi
    rm -f "$venv/.taihang-installing"
}

_env_has_uv() {
    command -v uv >/dev/null 2>&1
}

# Sets `found` to a Python that is new enough, or leaves it empty when uv can bring one.
_env_find_python() {
    found=
    older=
    for name in ${TAIHANG_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        version=$("$name" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        case $version in
        2.* | 3.[0-9] | 3.10) older="$name $version" ;;
        *) found=$name && break ;;
        esac
    done
    if _env_has_uv; then return; fi
    if [ -z "$found" ] && [ -n "$older" ]; then
        stop 2 "需要 Python 3.11 或更新版本，而这里是 $older：请安装较新的 python3（Debian 12、Ubuntu 24.04 起自带），或安装 uv" \
            "Python 3.11 or newer is needed, and this is $older: install a newer python3 (Debian 12 and Ubuntu 24.04 have one) or uv"
    elif [ -z "$found" ]; then
        stop 2 "没有找到 python3：请运行 sudo apt install python3 python3-venv" \
            "there is no python3: run sudo apt install python3 python3-venv"
    elif ! "$found" -I -c 'import venv, ensurepip' 2>/dev/null; then
        stop 2 "这个 Python 缺少 venv：请运行 sudo apt install ${found##*/}-venv" \
            "this Python lacks venv: run sudo apt install ${found##*/}-venv"
    fi
}

_env_install() {
    group=$1
    case $group in
    base) say "首次运行：正在安装（下载约 220 MB，需几分钟）……" "first run: installing (a download of about 220 MB, a few minutes) …" ;;
    check) say "正在安装检查工具……" "installing the tools of the checks …" ;;
    bench) say "正在安装对比所用的工具……" "installing the peers that the benchmarks compare with …" ;;
    hub) say "正在安装 torch 和 transformers（可能有数 GB）……" "installing torch and transformers (this may be some GB) …" ;;
    graph) say "正在安装图网络训练所需的部分……" "installing what the training of the graph network needs …" ;;
    serve) say "正在安装模型服务所需的部分……" "installing what a model server needs …" ;;
    esac
    : >"$venv/.taihang-installing"
    "$python" -I "$root/scripts/groups.py" wants "$group" >"$venv/.taihang-wants"
    # From inside the checkout: pip splits the constraints' path in its environment at blanks.
    (
        cd "$root"
        set -- -c constraints.txt -r "$venv/.taihang-wants"
        if [ "$group" = base ]; then set -- "$@" -e .; fi
        # The machine's own certificates, where it has them: a company's proxy signs with its own.
        if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS-1}"; fi
        if _env_has_uv && [ "$group" != hub ] && [ "$group" != graph ] && [ "$group" != serve ]; then
            _env_run uv pip install --quiet --python "$python" --build-constraints constraints.txt "$@"
        else
            # torch comes through pip: uv would not look where pip.conf says that this machine's torch is.
            if _env_has_uv; then _env_run uv pip install --quiet --python "$python" -c constraints.txt pip; fi
            export PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt
            # Bytecode is made on first use; all of it at once would be 55 MB more on the disk.
            _env_run "$python" -m pip install --no-compile --no-input "$@"
        fi
    ) || exit
    "$python" -I "$root/scripts/groups.py" mark "$venv" "$group"
    rm -f "$venv/.taihang-installing"
}

# Runs a step of the installation; its words go to a log, of which the reason is shown when it fails.
_env_run() {
    "$@" >"$venv/install.log" 2>&1 </dev/null && return
    rm -f "$venv/.taihang-installing"
    why=$(sed -n -e '/subprocess-exited/d' -e 's/^.*\(ERROR: .*\)/\1/p' -e 's/^ *\(error: .*\)/\1/p' "$venv/install.log" | head -n 1)
    printf '%s\n' "${why:-$(tail -n 3 "$venv/install.log")}" >&2
    stop 3 "安装失败（完整记录：$venv/install.log）：请检查网络和磁盘空间后，再运行一次同样的命令" \
        "the installation failed (all of it: $venv/install.log): check the network and the disk, then run the same command again"
}
