//! `cargo xtask peers`: the servers we compare with, beside the machine's own packages.
//!
//! Redis 8 and Valkey 9 come from Debian's newest release, Redis 7.0 from the one that has it. Their packages, and
//! every library those need down to the C library, are unpacked into one folder instead of being installed, and a
//! small script per program starts it with the loader and the libraries unpacked beside it:
//!
//! ```text
//! ~/.cache/spinel-peers/
//!   apt/  apt-…/       apt's own state per release, so that the machine's package lists stay as they are
//!   redis8/  …         the unpacked packages; `.done` marks a folder that is complete
//!   bin/               redis8-server, redis8-cli, …, valkey9-server, valkey9-cli, …, nginx-proxy, varnish-proxy
//! ```
//!
//! nginx and Varnish are what the HTTP cache is measured beside. They are unpacked when they are asked for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, command, workspace};

/// Signs Debian's package lists; on every Debian machine, and in a package of this name elsewhere.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A server to compare with.
struct Peer {
    /// Its folder, and the first word of its scripts.
    name: &'static str,
    /// The Debian packages that it is.
    packages: &'static [&'static str],
    /// Its programs: the second word of each script, and the path in the packages.
    programs: &'static [(&'static str, &'static str)],
    /// What makes its server tell its version.
    version: &'static str,
    /// The Debian release that carries it.
    release: &'static str,
    /// Where apt's state for that release is.
    state: &'static str,
}

const REDIS: &[(&str, &str)] = &[
    ("server", "usr/bin/redis-server"),
    ("cli", "usr/bin/redis-cli"),
    ("benchmark", "usr/bin/redis-benchmark"),
    ("check-aof", "usr/bin/redis-check-aof"),
    ("check-rdb", "usr/bin/redis-check-rdb"),
];
const VALKEY: &[(&str, &str)] = &[
    ("server", "usr/bin/valkey-server"),
    ("cli", "usr/bin/valkey-cli"),
    ("benchmark", "usr/bin/valkey-benchmark"),
    ("check-aof", "usr/bin/valkey-check-aof"),
    ("check-rdb", "usr/bin/valkey-check-rdb"),
];

/// Databases.
const PEERS: [Peer; 3] = [
    Peer {
        name: "redis7",
        packages: &["redis-server", "redis-tools"],
        programs: REDIS,
        version: "--version",
        release: "bookworm",
        state: "apt-bookworm",
    },
    Peer {
        name: "redis8",
        packages: &["redis-server", "redis-tools"],
        programs: REDIS,
        version: "--version",
        release: "sid",
        state: "apt",
    },
    Peer {
        name: "valkey9",
        packages: &["valkey-server", "valkey-tools"],
        programs: VALKEY,
        version: "--version",
        release: "sid",
        state: "apt",
    },
];

/// Caches of HTTP. Varnish brings a compiler, so they are not unpacked unless somebody wants them.
const PROXIES: [Peer; 2] = [
    Peer {
        name: "nginx",
        packages: &["nginx"],
        programs: &[("proxy", "usr/sbin/nginx")],
        version: "-v",
        release: "bookworm",
        state: "apt-bookworm",
    },
    Peer {
        name: "varnish",
        packages: &["varnish"],
        programs: &[("proxy", "usr/sbin/varnishd")],
        version: "-V",
        release: "bookworm",
        state: "apt-bookworm",
    },
];

/// Options of `cargo xtask peers`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also unpacks nginx and Varnish, which the row `door` of the benchmarks is measured beside
    #[arg(long)]
    proxies: bool,
    /// Where to unpack them [default: ~/.cache/spinel-peers]
    folder: Option<PathBuf>,
}

/// Unpacks what is missing and prints the versions; costs nothing where all is there.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let folder = arguments.folder.clone().unwrap_or_else(default_folder);
    fs::create_dir_all(folder.join("bin"))?;
    let folder = folder.canonicalize()?;
    let proxies = if arguments.proxies { &PROXIES[..] } else { &[] };
    let peers: Vec<&Peer> = PEERS.iter().chain(proxies).collect();
    for peer in peers.iter().filter(|peer| !is_unpacked(&folder, peer)) {
        let apt = Apt::set_up(&folder.join(peer.state), peer.release)?;
        apt.unpack(peer, &folder.join(peer.name))?;
    }
    for peer in peers {
        write_scripts(&folder, peer)?;
        let (tool, _) = peer.programs.first().ok_or("a peer is a program at least")?;
        println!("{}", told(&script(&folder, peer.name, tool), peer.version)?);
    }
    println!("in {}", folder.join("bin").display());
    Ok(())
}

/// Returns the script of the peer `name` that starts `tool`, as in `find("redis8", "server")`.
///
/// # Errors
/// When the peers aren't unpacked, with the command that mends it.
pub(crate) fn find(name: &str, tool: &str) -> Outcome<PathBuf> {
    let path = script(&default_folder(), name, tool);
    if path.is_file() {
        return Ok(path);
    }
    let option = if PROXIES.iter().any(|proxy| proxy.name == name) { " --proxies" } else { "" };
    Err(format!("{} is missing: run `cargo xtask peers{option}` first", path.display()).into())
}

/// Returns the first line of what `program --version` prints.
pub(crate) fn version(program: &Path) -> Outcome<String> {
    told(program, "--version")
}

/// Returns the first line of what a program prints when it is given this option, wherever it prints it.
fn told(program: &Path, option: &str) -> Outcome<String> {
    let text =
        command::output(Command::new("sh").args(["-c", "exec \"$0\" \"$1\" 2>&1"]).arg(program).arg(option))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn default_folder() -> PathBuf {
    workspace::cache().join("spinel-peers")
}

fn script(folder: &Path, name: &str, tool: &str) -> PathBuf {
    folder.join("bin").join(format!("{name}-{tool}"))
}

fn is_unpacked(folder: &Path, peer: &Peer) -> bool {
    folder.join(peer.name).join(".done").exists()
}

/// Writes the scripts that start the peer's programs with the libraries unpacked beside them.
fn write_scripts(folder: &Path, peer: &Peer) -> Outcome {
    let root = folder.join(peer.name);
    let architecture = format!("{}-linux-gnu", std::env::consts::ARCH);
    let libraries = [
        root.join("usr/lib").join(&architecture),
        root.join("lib").join(&architecture),
        root.join("usr/lib/varnish"),
        root.join("usr/lib").join(&architecture).join("varnish"),
    ];
    let loader = find_loader(&libraries)?;
    let path_of_all = libraries.map(|folder| folder.display().to_string()).join(":");
    for (tool, program) in peer.programs {
        let path = script(folder, peer.name, tool);
        let text = format!(
            "#!/bin/sh\nexec \"{}\" --library-path \"{path_of_all}\" \"{}\" \"$@\"\n",
            loader.display(),
            root.join(program).display(),
        );
        // A script that another process is starting right now is replaced, never rewritten in place.
        let fresh = path.with_extension(format!("{}", std::process::id()));
        fs::write(&fresh, text)?;
        fs::set_permissions(&fresh, Permissions::from_mode(0o755))?;
        fs::rename(&fresh, &path)?;
    }
    Ok(())
}

/// Returns the dynamic loader among the unpacked libraries: `ld-linux-x86-64.so.2`, `ld-linux-aarch64.so.1`, ….
fn find_loader(folders: &[PathBuf]) -> Outcome<PathBuf> {
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("ld-linux-") {
                return Ok(entry.path());
            }
        }
    }
    Err(format!("no loader below {}", folders[0].display()).into())
}

/// An apt of our own: its lists, its idea of what is installed (nothing), its downloads.
struct Apt {
    options: Vec<String>,
    downloads: PathBuf,
}

impl Apt {
    /// Prepares the state in `folder` and fetches the package lists of `release`.
    fn set_up(folder: &Path, release: &str) -> Outcome<Self> {
        let downloads = folder.join("debs");
        let lists = folder.join("lists");
        fs::create_dir_all(downloads.join("partial"))?;
        fs::create_dir_all(lists.join("partial"))?;
        let sources = folder.join("sources.list");
        fs::write(&sources, format!("deb [signed-by={KEYRING}] {} {release} main\n", mirror()))?;
        // An empty status says that nothing is installed, so every library comes along.
        let status = folder.join("status");
        fs::write(&status, "")?;
        let settings = [
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::Lists={}", lists.display()),
            format!("Dir::State::status={}", status.display()),
            format!("Dir::Cache::archives={}", downloads.display()),
            // Caches of the package lists would overwrite those of the machine's own apt.
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
            "APT::Install-Recommends=false".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ];
        let options = settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect();
        let apt = Self { options, downloads };
        command::output(apt.apt_get().args(["-qq", "update"]))?;
        Ok(apt)
    }

    /// Fetches the peer's packages with all that they need, and unpacks them into `root`.
    fn unpack(&self, peer: &Peer, root: &Path) -> Outcome {
        for package in self.downloaded()? {
            fs::remove_file(package)?;
        }
        let install = ["-qq", "-y", "--download-only", "install"];
        command::output(self.apt_get().args(install).args(peer.packages))?;
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
        fs::create_dir_all(root)?;
        for package in self.downloaded()? {
            command::output(Command::new("dpkg-deb").arg("-x").arg(package).arg(root))?;
        }
        Ok(fs::write(root.join(".done"), "")?)
    }

    fn apt_get(&self) -> Command {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(&self.options);
        apt_get
    }

    fn downloaded(&self) -> Outcome<Vec<PathBuf>> {
        let mut packages = Vec::new();
        for entry in fs::read_dir(&self.downloads)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                packages.push(path);
            }
        }
        Ok(packages)
    }
}

/// Returns the Debian mirror that the machine's apt is set up with, or the one that leads to the nearest.
fn mirror() -> String {
    let listed = command::output(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]));
    let listed = listed.unwrap_or_default();
    let own = listed.lines().find(|line| line.trim_end_matches('/').ends_with("/debian"));
    own.unwrap_or("http://deb.debian.org/debian").to_owned()
}
