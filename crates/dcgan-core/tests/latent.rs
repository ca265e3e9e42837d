//! The lines of Python and JavaScript that the documentation of `dcgan_core::latent` shows give the same latents.

use std::env;
use std::io::ErrorKind;
use std::process::Command;

use dcgan_core::latent::latents;

/// Zero, neighbours, one that a JavaScript number cannot hold, and the largest.
const SEEDS: [u64; 5] = [0, 1, 42, (1 << 53) + 1, u64::MAX];

/// Long enough that the rejections, which a logarithm decides, come up many times.
const LATENT: usize = 1000;

const PYTHON: &str = concat!(
    include_str!("../src/latent.py"),
    r#"
import struct, sys
for seed in sys.argv[2:]:
    for x in latent(int(seed), int(sys.argv[1])):
        print(struct.unpack("<I", struct.pack("<f", x))[0])
"#
);

const JAVASCRIPT: &str = concat!(
    include_str!("../src/latent.js"),
    r#"
const [length, ...seeds] = process.argv.slice(1);
for (const seed of seeds)
  for (const bits of new Uint32Array(latent(seed, Number(length)).buffer)) console.log(bits);
"#
);

/// The bits of what a script prints for all seeds, or nothing if the program is not installed.
fn run(program: &str, args: &[&str]) -> Option<Vec<u32>> {
    let mut command = Command::new(program);
    command.args(args).arg(LATENT.to_string()).args(SEEDS.map(|seed| seed.to_string()));
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.expect("the program runs"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("numbers are ASCII");
    Some(printed.lines().map(|line| line.parse().expect("a line is a number")).collect())
}

fn ours() -> Vec<u32> {
    SEEDS.iter().flat_map(|seed| latents(*seed, 1, LATENT)).map(f32::to_bits).collect()
}

#[test]
fn python_gives_the_same_bits() {
    let theirs = run("python3", &["-c", PYTHON]).expect("this test needs python3");
    assert_eq!(theirs, ours());
}

#[test]
fn javascript_gives_the_same_bits() {
    match run("node", &["-e", JAVASCRIPT]) {
        Some(theirs) => assert_eq!(theirs, ours()),
        None if env::var_os("CI").is_none() => eprintln!("skipped: node is not installed"),
        None => panic!("this test needs node"),
    }
}
