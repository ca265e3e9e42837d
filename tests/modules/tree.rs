//! Modules of a crate, with the names that each defines or imports and the paths that it uses.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{group, tokens};

/// Names from the crate's root down; the root's is empty.
pub type ModulePath = Vec<String>;

const DEFINES: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union"];
/// More re-exports of re-exports than any path goes through: these go in a circle.
const MOST_REEXPORTS: usize = 16;

/// One module's content.
#[derive(Default)]
struct Module {
    children: BTreeSet<String>,
    defined: BTreeSet<String>,
    /// Paths by the name under which a `use` brings them in.
    imported: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// Paths in code and in private `use`s. A `pub use` only passes a name on, so it is not here.
    used: Vec<Vec<String>>,
}

/// A crate's modules.
#[derive(Default)]
pub struct Tree {
    modules: BTreeMap<ModulePath, Module>,
}

impl Tree {
    /// Reads a crate from its root file on. `read` returns the text of a file by its path in `src`.
    pub fn read(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut tree = Self::default();
        let source = read(root).unwrap_or_else(|| panic!("no file {root}"));
        tree.add(Vec::new(), &tokens(&source), read);
        tree
    }

    /// Pairs of modules of which the first uses something that the second defines.
    pub fn uses(&self) -> Vec<(ModulePath, ModulePath)> {
        let found = self.modules.iter().flat_map(|(path, module)| {
            let targets = module.used.iter().filter_map(|used| self.resolve(path, used, 0));
            targets.map(|target| (path.clone(), target))
        });
        found.filter(|(from, to)| from != to).collect()
    }

    fn add(&mut self, path: ModulePath, tokens: &[String], read: &dyn Fn(&str) -> Option<String>) {
        self.modules.entry(path.clone()).or_default();
        let mut at = 0;
        while at < tokens.len() {
            at += self.item(&path, tokens, at, read);
        }
    }

    /// Takes in what begins at a position and returns how many tokens that is.
    fn item(
        &mut self,
        path: &ModulePath,
        tokens: &[String],
        at: usize,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> usize {
        let token = |ahead: usize| tokens.get(at + ahead).map_or("", String::as_str);
        let module = self.modules.get_mut(path).expect("the module was added");
        match token(0) {
            "pub" if token(1) == "(" => match token(1 + group(&tokens[at + 1..])) {
                "use" => {
                    1 + group(&tokens[at + 1..])
                        + module.import(&tokens[at + 1 + group(&tokens[at + 1..])..], true)
                }
                _ => 1 + group(&tokens[at + 1..]),
            },
            "pub" if token(1) == "use" => 1 + module.import(&tokens[at + 1..], true),
            "use" if token(1) != "<" => module.import(&tokens[at..], false),
            "mod" if token(2) == ";" => {
                self.file(path, token(1), read);
                3
            }
            "mod" if token(2) == "{" => {
                let length = group(&tokens[at + 2..]);
                module.children.insert(token(1).to_owned());
                self.add(child(path, token(1)), &tokens[at + 3..at + 1 + length], read);
                2 + length
            }
            "macro_rules" => {
                module.defined.insert(token(2).to_owned());
                3
            }
            name if DEFINES.contains(&name) => {
                module.defined.insert(token(1).to_owned());
                1
            }
            _ if token(1) == "::" && (at == 0 || tokens[at - 1] != "::") => {
                let segments = tokens[at..].iter().step_by(2);
                let links = tokens[at + 1..].iter().step_by(2).take_while(|link| *link == "::").count();
                let segments: Vec<String> = segments.take(links + 1).cloned().collect();
                let length = 2 * links;
                module.used.push(segments);
                length
            }
            _ => 1,
        }
    }

    /// Adds the module of a file; `path` is its parent's.
    fn file(&mut self, path: &ModulePath, name: &str, read: &dyn Fn(&str) -> Option<String>) {
        let folder: String = path.iter().map(|part| format!("{part}/")).collect();
        let source = read(&format!("{folder}{name}.rs")).or_else(|| read(&format!("{folder}{name}/mod.rs")));
        let source = source.unwrap_or_else(|| panic!("no file of module {folder}{name}"));
        self.modules.get_mut(path).expect("the parent was added").children.insert(name.to_owned());
        self.add(child(path, name), &tokens(&source), read);
    }

    /// The module that defines what a path names, through re-exports; `None` for paths into other crates.
    fn resolve(&self, from: &ModulePath, used: &[String], reexports: usize) -> Option<ModulePath> {
        let mut at = from.clone();
        let mut names = used;
        match used.first()?.as_str() {
            "crate" => (at, names) = (Vec::new(), &used[1..]),
            "self" => names = &used[1..],
            "super" => {
                while let Some((_, rest)) = names.split_first().filter(|(first, _)| *first == "super") {
                    at.pop();
                    names = rest;
                }
            }
            first => {
                if !self.modules[from].children.contains(first) {
                    return None;
                }
            }
        }
        self.descend(at, names, reexports)
    }

    fn descend(&self, mut at: ModulePath, names: &[String], reexports: usize) -> Option<ModulePath> {
        for (position, name) in names.iter().enumerate() {
            let module = &self.modules[&at];
            if module.children.contains(name) {
                at.push(name.clone());
                continue;
            }
            if module.defined.contains(name) || reexports > MOST_REEXPORTS {
                return Some(at);
            }
            if let Some(imported) = module.imported.get(name) {
                let path: Vec<String> = imported.iter().chain(&names[position + 1..]).cloned().collect();
                return self.resolve(&at, &path, reexports + 1);
            }
            let mut globs = module.globs.iter().filter_map(|glob| self.resolve(&at, glob, reexports + 1));
            let through_glob = globs.find(|target| self.has(target, name));
            return through_glob
                .map_or(Some(at), |target| self.descend(target, &names[position..], reexports + 1));
        }
        Some(at)
    }

    fn has(&self, path: &ModulePath, name: &str) -> bool {
        let module = &self.modules[path];
        module.defined.contains(name) || module.children.contains(name) || module.imported.contains_key(name)
    }
}

impl Module {
    /// Takes in a `use` item and returns how many tokens it has.
    fn import(&mut self, tokens: &[String], is_public: bool) -> usize {
        let length = tokens.iter().position(|token| token == ";").map_or(tokens.len(), |end| end + 1);
        let mut paths = Vec::new();
        use_tree(&tokens[1..length - 1], &[], &mut paths);
        for (path, name) in paths {
            if name == "*" {
                self.globs.push(path.clone());
            } else {
                self.imported.insert(name, path.clone());
            }
            if !is_public {
                self.used.push(path);
            }
        }
        length
    }
}

/// Lists the paths of a `use`, each with the name that it brings in.
fn use_tree(tokens: &[String], before: &[String], paths: &mut Vec<(Vec<String>, String)>) {
    let mut path = before.to_vec();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                let length = group(&tokens[at..]);
                for part in parts(&tokens[at + 1..at + length - 1]) {
                    use_tree(part, &path, paths);
                }
                return;
            }
            "*" => return paths.push((path, "*".to_owned())),
            "as" => return paths.push((path, tokens[at + 1].clone())),
            "self" if !path.is_empty() => at += 1,
            name => {
                path.push(name.to_owned());
                at += 1;
            }
        }
    }
    if let Some(name) = path.last().cloned() {
        paths.push((path, name));
    }
}

/// Splits the inside of braces at its commas.
fn parts(tokens: &[String]) -> Vec<&[String]> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while at < tokens.len() {
        match tokens[at].as_str() {
            "," => {
                parts.push(&tokens[start..at]);
                (start, at) = (at + 1, at + 1);
            }
            "{" => at += group(&tokens[at..]),
            _ => at += 1,
        }
    }
    parts.push(&tokens[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn child(path: &ModulePath, name: &str) -> ModulePath {
    path.iter().cloned().chain([name.to_owned()]).collect()
}
