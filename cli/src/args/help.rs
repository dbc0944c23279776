//! What the help of each command shows: options that apply to it, short on a screen, long as text of any width.

use clap::{Command, CommandFactory};

use super::Args;

/// The text below the options of a command.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Help {
    /// What the command does and does not, in paragraphs. Lines of a paragraph are joined; lines that are indented stay.
    pub(super) text: &'static str,
    /// The exit codes, a line each, indented, after an empty one. Empty if they are those that every command has.
    pub(super) exit_codes: &'static str,
    /// Commands, a line each, indented, after an empty one.
    pub(super) examples: &'static str,
}

/// So many examples are shown by `-h`.
const EXAMPLES_BRIEF: usize = 2;

/// Options that only a deployment on AWS has.
const OF_AWS: [&str; 5] = ["aws", "deployment", "workgroup", "profile", "region"];
/// Options that say what a command works on.
const OF_TARGET: [&str; 9] =
    ["data", "bucket", "database", "aws", "deployment", "workgroup", "profile", "region", "json"];

impl Help {
    /// Below `-h`: the first examples.
    pub(super) fn brief(&self) -> String {
        let examples: Vec<&str> = self.examples.trim_matches('\n').lines().take(EXAMPLES_BRIEF).collect();
        format!("Examples:\n{}", examples.join("\n"))
    }

    /// Below `--help`: all of it.
    pub(super) fn full(&self) -> String {
        let exit_codes = format!("Exit codes:\n{}", self.exit_codes.trim_matches('\n'));
        let examples = format!("Examples:\n{}", self.examples.trim_matches('\n'));
        let parts = [flowing(self.text), if self.exit_codes.is_empty() { String::new() } else { exit_codes }, examples];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }
}

/// The text with each paragraph as one line, which a terminal of any width can wrap.
fn flowing(text: &str) -> String {
    let stands_alone = |line: &str| line.is_empty() || line.starts_with(' ');
    let (mut flowing, mut former) = (String::new(), None);
    for line in text.trim_end().lines() {
        match former {
            None => {}
            Some(former) if stands_alone(line) || stands_alone(former) => flowing.push('\n'),
            Some(_) => flowing.push(' '),
        }
        flowing.push_str(line);
        former = Some(line);
    }
    flowing
}

/// The command line, with the help of each command for lines of `width` characters.
pub fn command(width: usize) -> Command {
    let mut command = Args::command().term_width(width);
    // From here on each subcommand has its own copy of the options that all share.
    command.build();
    for name in ["demo", "run", "serve"] {
        command = hidden(command, name, &OF_AWS);
    }
    for name in ["compact", "verify", "reconcile", "status", "replay", "import", "tail"] {
        command = hidden(command, name, &["workgroup"]);
    }
    for name in ["completions", "manual", "help"] {
        command = hidden(command, name, &OF_TARGET);
    }
    // Who reads it has found it.
    let without_help = |it: Command| it.mut_args(|arg| if arg.get_id() == "help" { arg.hide(true) } else { arg });
    let command = command.mut_subcommands(without_help);
    // The commands alone fill a screen.
    command.mut_args(|arg| arg.hide_short_help(true)).mut_subcommand("help", |help| help.hide(true))
}

/// Hides `options` in the help of the subcommand `name`.
fn hidden(command: Command, name: &str, options: &[&str]) -> Command {
    command.mut_subcommand(name, |subcommand| {
        subcommand.mut_args(|arg| if options.contains(&arg.get_id().as_str()) { arg.hide(true) } else { arg })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows and columns of the least terminal. One row is the shell's own.
    const ROWS: usize = 24 - 1;
    const COLUMNS: usize = 80;

    /// Every command of the command line, the whole of it first.
    fn all() -> Vec<Command> {
        let command = command(COLUMNS);
        let visible: Vec<Command> = command.get_subcommands().filter(|it| it.get_name() != "help").cloned().collect();
        std::iter::once(command).chain(visible).collect()
    }

    #[test]
    fn brief_help_fits_a_screen() {
        for mut command in all() {
            let help = command.render_help().to_string();
            assert!(help.lines().count() <= ROWS, "{} lines:\n{help}", help.lines().count());
            let longest = help.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(COLUMNS), "{longest:?}\n{help}");
        }
    }

    #[test]
    fn long_help_fits_any_width() {
        for mut command in all() {
            let help = command.render_long_help().to_string();
            let longest = help.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(longest.chars().count() <= COLUMNS, "{longest}");
            // No paragraph was broken by hand: the words of a wide one fill their lines.
            let wide = command.clone().term_width(200).render_long_help().to_string();
            assert!(wide.lines().count() <= help.lines().count(), "{wide}");
        }
    }

    #[test]
    fn options_that_do_not_apply_are_not_shown() {
        let help = |name: &str| {
            let mut command = command(COLUMNS);
            command.find_subcommand_mut(name).unwrap().render_long_help().to_string()
        };
        assert!(!help("run").contains("--aws") && help("run").contains("--data"));
        assert!(!help("verify").contains("--workgroup") && help("verify").contains("--region"));
        assert!(help("query").contains("--workgroup") && !help("completions").contains("--data"));
    }

    #[test]
    fn paragraphs_flow() {
        assert_eq!(flowing("one\ntwo\n\nthree:\n  a  b\n  c\nfour\n"), "one two\n\nthree:\n  a  b\n  c\nfour");
    }
}
