//! What a command concludes.

use std::process::ExitCode;

/// The result of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be: exit code 0.
    Well,
    /// Something failed or does not add up, and was printed: exit code 1.
    Trouble,
    /// Something could not be checked, and was printed: exit code 2.
    Unknown,
    /// There was nothing to check: exit code 2.
    Nothing,
}

impl Verdict {
    /// 0, 1 or 2. A command that fails to run ends with 2 as well.
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Verdict::Well => 0,
            Verdict::Trouble => 1,
            Verdict::Unknown | Verdict::Nothing => 2,
        })
    }

    /// `Well` if `good`, else `Trouble`.
    pub fn of(good: bool) -> Verdict {
        if good { Verdict::Well } else { Verdict::Trouble }
    }
}
