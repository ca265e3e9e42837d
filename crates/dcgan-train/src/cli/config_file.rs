//! A run's settings as a TOML file: the command line's flags by their names, `batch_size = 128` for `--batch-size 128`.
//!
//! What flags there are, and which values they take, is known to clap alone: a flag that is added is in the file.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use dcgan_core::input;
use toml::{Table, Value};

/// Flags that say what to do with a run, not what it is.
const LEFT_OUT: [&str; 7] =
    ["config", "resume", "allow-changed-data", "overwrite", "quiet", "help", "version"];

/// A file of settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no TOML.
    #[error("{} is not a file of settings in TOML, such as `batch_size = 128`: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// It sets what is no setting.
    #[error("{}: there is no setting {key}; dcgan-train --help lists them, batch_size for --batch-size", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The setting's name there.
        key: String,
    },
    /// A setting has a value of a kind that no flag takes.
    #[error("{}: {key} = {found}, expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The setting's name.
        key: String,
        /// The value.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },
}

/// The command with switches that also take a value: `--flip=false` turns off what a file of settings turns on.
pub fn with_switches(command: Command) -> Command {
    command.mut_args(|flag| {
        if !matches!(flag.get_action(), ArgAction::SetTrue) || !is_setting(&flag) {
            return flag;
        }
        flag.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_name("true|false")
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true)
    })
}

/// The arguments that stand for a file's settings, without those that the command line, whose `matches` these are, sets
/// itself.
///
/// # Errors
/// [`ConfigFileError`] names the file, and the setting that is wrong. Whether a value fits is for clap to say.
pub fn arguments(
    command: &Command,
    matches: &ArgMatches,
    path: &Path,
) -> Result<Vec<OsString>, ConfigFileError> {
    let text = input::read(path).map_err(|source| ConfigFileError::Read { path: path.to_owned(), source })?;
    let syntax = |reason: String| ConfigFileError::Syntax { path: path.to_owned(), reason };
    let text = String::from_utf8(text).map_err(|error| syntax(error.to_string()))?;
    let table: Table = text.parse().map_err(|error| syntax(on_one_line(&error)))?;
    let mut arguments = Vec::new();
    for (key, value) in table {
        let flag = find(command, &key)
            .ok_or_else(|| ConfigFileError::Unknown { path: path.to_owned(), key: key.clone() })?;
        let wrong = |expected| ConfigFileError::Value {
            path: path.to_owned(),
            key: key.clone(),
            found: value.to_string(),
            expected,
        };
        if matches.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine) {
            continue;
        }
        let name = flag.get_long().unwrap_or_default();
        let text = if is_switch(flag) {
            value.as_bool().ok_or_else(|| wrong("true or false"))?.to_string()
        } else {
            text_of(&value).ok_or_else(|| wrong("a number or a text"))?
        };
        arguments.push(format!("--{name}={text}").into());
    }
    Ok(arguments)
}

/// What is wrong and in which line, without the picture of that line.
fn on_one_line(error: &toml::de::Error) -> String {
    let text = error.to_string();
    format!("{}: {}", text.lines().next().unwrap_or_default(), error.message())
}

/// The settings of `matches` as a file: those that were given and the defaults, each under what it is for.
pub fn render(command: &Command, matches: &ArgMatches) -> String {
    let mut text = format!("# A run of {}; to repeat it: {0} --config THIS_FILE\n", command.get_name());
    for flag in flags(command) {
        let Some(value) = value_of(flag, matches) else { continue };
        let name = flag.get_long().unwrap_or_default().replace('-', "_");
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!("\n# {}\n{name} = {value}\n", help.replace('\n', " "));
    }
    text
}

/// Writes [`render`]ed settings, atomically.
///
/// # Errors
/// [`WriteError`](dcgan_core::atomic::WriteError) names the file.
pub fn save(text: &str, path: &Path) -> Result<(), dcgan_core::atomic::WriteError> {
    dcgan_core::atomic::write(path, |file| io::Write::write_all(file, text.as_bytes()))
}

/// The flags that are settings, in the order of the help.
fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|flag| is_setting(flag))
}

fn is_setting(flag: &Arg) -> bool {
    flag.get_long().is_some_and(|name| !LEFT_OUT.contains(&name))
}

fn find<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let key = key.replace('_', "-");
    flags(command).find(|flag| flag.get_long() == Some(key.as_str()))
}

fn is_switch(flag: &Arg) -> bool {
    flag.get_value_parser().type_id() == TypeId::of::<bool>()
}

/// A value as the command line has it; several as one, with commas.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Array(values) => {
            let texts: Option<Vec<String>> = values.iter().map(text_of).collect();
            texts.map(|texts| texts.join(","))
        }
        Value::Boolean(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// A flag's value, unless it has none or one that TOML cannot hold.
fn value_of(flag: &Arg, matches: &ArgMatches) -> Option<Value> {
    let texts: Option<Vec<&str>> = matches.get_raw(flag.get_id().as_str())?.map(OsStr::to_str).collect();
    let mut values: Vec<Value> =
        texts?.into_iter().map(|text| typed(flag.get_value_parser(), text)).collect();
    if values.len() == 1 { values.pop() } else { Some(Value::Array(values)) }
}

/// A number where the flag takes numbers, true or false where it is a switch: a folder called `007` stays a text.
fn typed(parser: &ValueParser, text: &str) -> Value {
    let is = |kinds: &[TypeId]| kinds.iter().any(|kind| parser.type_id() == *kind);
    if is(&[TypeId::of::<bool>()])
        && let Ok(switch) = text.parse()
    {
        return Value::Boolean(switch);
    }
    if is(&[TypeId::of::<u64>(), TypeId::of::<usize>()])
        && let Ok(number) = text.parse()
    {
        return Value::Integer(number);
    }
    if is(&[TypeId::of::<f64>()])
        && let Ok(number) = text.parse()
    {
        return Value::Float(number);
    }
    Value::String(text.to_owned())
}
