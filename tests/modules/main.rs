//! No circle of modules: in each folder of each crate, imports point one way only.

mod cycles;
mod tokens;
mod tree;

use std::fs;
use std::path::Path;

use cycles::cycles;
use tree::Tree;

/// The circles of a crate that is made of these files.
fn cycles_of(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
    cycles(&Tree::read("lib.rs", &read))
}

/// Folders that still have a circle; a folder leaves the list with its last one.
const CIRCLES: [&str; 10] = [
    "dcgan-export/src/",
    "dcgan-export/src/interpreter",
    "dcgan-export/src/verify",
    "dcgan-infer/src/",
    "dcgan-infer/src/cli",
    "dcgan-infer/src/doctor",
    "dcgan-infer/src/evaluate",
    "dcgan-infer/src/generator",
    "dcgan-infer/src/output",
    "dcgan-infer/src/serve",
];

#[test]
fn no_folder_gains_a_circle_of_modules() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut found = Vec::new();
    for folder in fs::read_dir(crates).expect("the workspace has crates") {
        let src = folder.expect("the folder can be read").path().join("src");
        let read = |path: &str| fs::read_to_string(src.join(path)).ok();
        let roots: Vec<&str> =
            ["lib.rs", "main.rs"].into_iter().filter(|root| src.join(root).exists()).collect();
        assert!(!roots.is_empty(), "{} has neither lib.rs nor main.rs", src.display());
        let name = src.parent().and_then(Path::file_name).expect("a crate has a name").display().to_string();
        let circles = roots.iter().flat_map(|root| cycles(&Tree::read(root, &read)));
        found.extend(circles.map(|circle| format!("{name}/{circle}")));
    }
    found.sort();
    let folders: Vec<&str> = found.iter().filter_map(|circle| circle.split(':').next()).collect();
    assert_eq!(folders, CIRCLES, "circles of modules:\n{}", found.join("\n"));
}

#[test]
fn imports_that_point_one_way_are_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
        ("a.rs", "use crate::B; pub struct A(B);"),
        ("b.rs", "pub struct B;"),
    ];
    assert_eq!(cycles_of(&files), [""; 0]);
}

#[test]
fn a_circle_is_found_through_reexports_and_paths_in_code() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; pub use b::*;"),
        ("a.rs", "use crate::B; pub fn a(_: B) {}"),
        ("b.rs", "pub struct B; pub fn b() { crate::c::c(); }"),
        ("c.rs", "use super::{a::{self}, b as _}; pub fn c() {}"),
    ];
    assert_eq!(cycles_of(&files), ["src/: b -> c -> b"]);
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub fn a() { crate::b::b(); }"),
        ("b.rs", "pub fn b() { super::c::c(); }"),
        ("c.rs", "use crate::{a::a as first}; pub fn c() { first(); }"),
    ];
    assert_eq!(cycles_of(&files), ["src/: a -> b -> c -> a"]);
}

#[test]
fn a_folder_is_one_module_above_and_checked_inside() {
    let files = [
        ("lib.rs", "mod x; mod y;"),
        ("x/mod.rs", "mod one; mod two; pub use one::One;"),
        ("x/one.rs", "use super::two::Two; pub struct One(Two);"),
        ("x/two.rs", "use super::One; pub struct Two; pub fn two(_: One) { crate::y::y(); }"),
        ("y.rs", "use crate::x::One; pub fn y() {}"),
    ];
    assert_eq!(cycles_of(&files), ["src/: x -> y -> x", "src/x: one -> two -> one"]);
}

#[test]
fn a_parent_that_calls_the_child_that_uses_the_parents_items_is_a_circle() {
    let files = [
        ("lib.rs", "mod a; pub struct Root; pub fn root() { a::a(); }"),
        ("a.rs", "use crate::Root; pub fn a() {}"),
    ];
    assert_eq!(cycles_of(&files), ["src/: (own file) -> a -> (own file)"]);
}

#[test]
fn comments_strings_visibilities_and_test_modules_are_not_read() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        (
            "b.rs",
            r##"
            //! [`crate::a::A`] /* crate::a::A */
            pub(in crate) struct B;
            const TEXT: (&str, &str, char) = ("crate::a::A \"", r#"" crate::a::A"#, '"');
            #[cfg(test)]
            mod tests;
            #[cfg(all(test, unix))]
            mod more { use crate::a::A; }
            "##,
        ),
    ];
    assert_eq!(cycles_of(&files), [""; 0]);
}
