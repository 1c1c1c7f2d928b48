//! The file of preferences: lines as they are typed at the prompt, `:set nohints` for instance.

use crate::shell::Shell;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// The files to look for, the first that is there counts.
fn files(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    if let Some(path) = variable("SPINELCLI_RCFILE").or_else(|| variable("REDISCLI_RCFILE")) {
        return vec![path.into()];
    }
    let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    home.map(|home| vec![home.join(".spinelclirc"), home.join(".redisclirc")]).unwrap_or_default()
}

/// Does what the file says.
pub(super) fn load(shell: &mut Shell) -> io::Result<()> {
    let files = files(|name| std::env::var_os(name));
    let Some(text) = files.iter().find_map(|file| std::fs::read_to_string(file).ok()) else { return Ok(()) };
    // A file of preferences runs no commands.
    for line in text.lines().filter(|line| line.trim_start().starts_with(':')) {
        shell.interpret(line.as_bytes(), &mut io::stdout().lock())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_by_the_environment_or_lies_at_home() {
        let with = |pairs: &'static [(&str, &str)]| {
            files(|name| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| value.into()))
        };
        assert_eq!(with(&[("HOME", "/h")]), [PathBuf::from("/h/.spinelclirc"), "/h/.redisclirc".into()]);
        assert_eq!(with(&[("REDISCLI_RCFILE", "/r"), ("HOME", "/h")]), [PathBuf::from("/r")]);
        assert_eq!(with(&[("REDISCLI_RCFILE", "/r"), ("SPINELCLI_RCFILE", "/s")]), [PathBuf::from("/s")]);
        assert!(with(&[]).is_empty());
    }
}
