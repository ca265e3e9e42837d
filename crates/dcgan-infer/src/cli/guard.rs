//! A way out for an engine that panics.

use std::path::Path;
use std::{panic, process};

use dcgan_infer::generator::advice;

use super::say;

/// Calls into an engine. tract panics at some damaged models; its panic cannot leave the C interface that it is called
/// through and would abort the process, so that it ends here, with a message and exit code 1.
pub fn guarded<T>(engine: &str, model: &Path, call: impl FnOnce() -> T) -> T {
    let (engine, model) = (engine.to_owned(), model.to_owned());
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // A panic's own words have several lines, and no use but in a report.
        let said = panic.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        let advice = advice(&engine, &said);
        say::note(format_args!("{engine} fails at {}: {advice}: {said}", model.display()));
        process::exit(1);
    }));
    let result = call();
    panic::set_hook(hook);
    result
}
