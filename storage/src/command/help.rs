//! What HELP subcommands reply.

use spinel_resp::ReplyWriter;

/// Replies the help of a container: `forms` are the subcommands with their lines of explanation.
pub fn reply_help(reply: &mut ReplyWriter, container: &str, forms: &[(&str, &[&str])]) {
    let lines: usize = forms.iter().map(|(_, lines)| 1 + lines.len()).sum();
    reply.array(lines + 3);
    reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (form, lines) in forms {
        reply.simple(form);
        for line in *lines {
            reply.simple(&format!("    {line}"));
        }
    }
    reply.simple("HELP");
    reply.simple("    Print this help.");
}
