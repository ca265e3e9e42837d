//! What `dcgan-train` draws on a terminal: a real one as far as the program can tell, with a screen that is read.
#![cfg(unix)]

use std::fs;
use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use tempfile::TempDir;

const ROWS: u16 = 60;

/// Everything that a run of a few steps sends to a terminal of so many columns.
fn sent(columns: u16, variables: &[(&str, &str)], more: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let size = PtySize { rows: ROWS, cols: columns, pixel_width: 0, pixel_height: 0 };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(assert_cmd::cargo::cargo_bin!("dcgan-train"));
    command.cwd(folder.path());
    command.args([
        "--dataset",
        "shapes",
        "--arch",
        "dcgan32-small",
        "--batch-size",
        "8",
        "--max-steps",
        "20",
    ]);
    command.args(more);
    command.env_remove("NO_COLOR");
    command.env("TERM", "xterm-256color");
    variables.iter().for_each(|(name, value)| command.env(name, value));
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut bytes = Vec::new();
    // Some systems end it with an error when the program has gone.
    let _ = pty.master.try_clone_reader().unwrap().read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(child.wait().unwrap().success(), "{text}");
    assert!(fs::exists(folder.path().join("checkpoints/generator_final.safetensors")).unwrap());
    text
}

/// The rows of the screen after all that.
fn screen(columns: u16, sent: &str) -> Vec<String> {
    let mut parser = vt100::Parser::new(ROWS, columns, 0);
    parser.process(sent.as_bytes());
    let rows = parser.screen().rows(0, columns).map(|row| row.trim_end().to_owned());
    rows.filter(|row| !row.is_empty()).collect()
}

/// Whether there is a command that selects a colour or a weight, such as `ESC [ 32 m`.
fn has_colours(sent: &str) -> bool {
    let is_parameter = |c: char| c.is_ascii_digit() || c == ';';
    sent.split("\x1b[").skip(1).any(|command| command.trim_start_matches(is_parameter).starts_with('m'))
}

#[test]
fn a_terminal_has_a_bar_below_the_lines() {
    let sent = sent(100, &[], &[]);
    assert!(has_colours(&sent), "{sent:?}");
    let lines = screen(100, &sent);
    let expected = [
        "device: ",
        "training dcgan32-small on shapes: 10000 images",
        "saved outputs/reals.png",
        "saved outputs/generated_epoch_0.png",
        "saved checkpoints/state_20.safetensors",
        "saved checkpoints/generator_final.safetensors",
        "saved checkpoints/discriminator_final.safetensors",
        "saved outputs/generated_epoch_1.png",
        "saved outputs/training_loss.png",
        "saved outputs/training.gif",
        "epoch 1/100  took 00:0",
        "loss D ",
        "done: 20 steps, 160 images in 00:0",
        "  generator  checkpoints/generator_final.safetensors",
        "  state      checkpoints/state_20.safetensors",
        "  samples    outputs/generated_epoch_1.png",
        "  losses     outputs/training_loss.png",
        "  metrics    outputs/metrics.jsonl",
        "next: dcgan-export --checkpoint ",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{lines:#?}");
    }
    assert!(lines[10].contains("step 20/20  [====") && lines[10].ends_with("=]"), "{lines:#?}");
    assert!(
        ["loss G ", "D(x) ", "D(G(z)) ", " images/s"].iter().all(|part| lines[11].contains(part)),
        "{lines:#?}"
    );
    // While it goes on, it says how long it will.
    assert!(sent.contains(" left  step "), "{sent:?}");
}

#[test]
fn a_narrow_terminal_is_no_mess() {
    for columns in [60, 40, 20] {
        let lines = screen(columns, &sent(columns, &[], &[]));
        let is_bar = |line: &&String| line.contains("epoch 1/100") || line.contains("loss D ");
        assert_eq!(lines.iter().filter(is_bar).count(), 2, "{columns}: {lines:#?}");
        let bar = lines.iter().position(|line| line.starts_with("epoch 1/100")).unwrap();
        assert!(lines[bar + 1].starts_with("loss D ") && lines[bar + 2].starts_with("done: "), "{lines:#?}");
    }
}

#[test]
fn no_color_is_a_bar_without_colours() {
    let plain = sent(80, &[("NO_COLOR", "1")], &[]);
    assert!(!has_colours(&plain) && plain.contains("\x1b["), "{plain:?}");
    assert!(screen(80, &plain).iter().any(|line| line.contains("step 20/20  [===")), "{plain:?}");
    assert!(has_colours(&sent(80, &[("NO_COLOR", "")], &[])), "an empty one asks for nothing");
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let sent = sent(80, &[("TERM", "dumb")], &[]);
    assert!(!sent.contains('\x1b') && sent.contains("epoch 1/100  step 20  loss D "), "{sent:?}");
}

#[test]
fn quiet_is_quiet_on_a_terminal_too() {
    assert_eq!(sent(80, &[], &["--quiet"]), "");
}
