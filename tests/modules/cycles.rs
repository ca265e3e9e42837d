//! Circles among the modules of each folder. A folder counts as one module in the folder above.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{ModulePath, Tree};

/// The name of a folder's own file, `lib.rs` or `mod.rs`, among the modules in it.
const OWN_FILE: &str = "(own file)";

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Describes a circle in each folder that has any, such as `src/backend: cpu -> scalars -> cpu`.
pub fn cycles(tree: &Tree) -> Vec<String> {
    let mut folders: BTreeMap<ModulePath, Graph> = BTreeMap::new();
    for (from, to) in tree.uses() {
        let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
        let name = |path: &ModulePath| path.get(shared).map_or_else(|| OWN_FILE.to_owned(), String::clone);
        let graph = folders.entry(from[..shared].to_vec()).or_default();
        graph.entry(name(&from)).or_default().insert(name(&to));
    }
    let found = folders.iter().filter_map(|(folder, graph)| Some((folder, shortest_cycle(graph)?)));
    found.map(|(folder, cycle)| format!("src/{}: {}", folder.join("/"), cycle.join(" -> "))).collect()
}

/// The shortest circle of a graph; its first module is also its last.
fn shortest_cycle(graph: &Graph) -> Option<Vec<String>> {
    graph.keys().filter_map(|start| cycle_through(graph, start)).min_by_key(Vec::len)
}

/// Searches breadth first from a module back to itself.
fn cycle_through(graph: &Graph, start: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![start.to_owned()]];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in graph.get(way.last()?).into_iter().flatten() {
                let way: Vec<String> = way.iter().chain([next]).cloned().collect();
                if next == start {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}
