//! Lines on standard error.

use std::io::{self, Write};
use std::process;

use dcgan_core::terminal::{arguments_are_plain, escaped, escaped_lines};

/// Prints a line on stderr, in which names of files do not steer the terminal. A closed stderr is no failure.
pub(super) fn tell(line: &str) {
    drop(writeln!(io::stderr(), "{}", escaped(line)));
}

/// Ends the program with what clap says, its help or what is wrong with the arguments. It quotes these as they are.
pub(super) fn refuse(error: &clap::Error) -> ! {
    if !error.use_stderr() || arguments_are_plain() {
        error.exit();
    }
    drop(write!(io::stderr(), "{}", escaped_lines(&error.render().to_string())));
    process::exit(error.exit_code());
}
