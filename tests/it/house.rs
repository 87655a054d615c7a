//! The rules of the house, read from the code: which room imports which, as docs/ARCHITECTURE.md says; no circles,
//! no import of a room further down the page; no long file without a reason; no type name twice.

mod imports;

use imports::{Crate, Import, circles};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const LONG: usize = 600;
const TOO_LONG: usize = 1_000;
/// What the head of a longer file begins its reason with.
const REASON: &str = "Long because ";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn house() -> Crate {
    Crate::read(&|file| fs::read_to_string(root().join("src").join(file)).ok())
}

/// The room of a file: its folder in `src/`, or the file itself.
fn room(file: &str) -> &str {
    let top = file.split('/').next().expect("a first part");
    top.strip_suffix(".rs").unwrap_or(top)
}

/// Rooms and what they import, in the order of the page's table.
fn table(page: &str) -> Vec<(String, BTreeSet<String>)> {
    let rooms = page.split("\n## Rooms").nth(1).expect("a section on rooms");
    let rows = rooms
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    let name = |cell: &str| {
        cell.trim()
            .trim_matches('`')
            .trim_end_matches('/')
            .to_owned()
    };
    rows.map(|row| {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').collect();
        let imports = cells.last().expect("a column of imports");
        // A remark in parentheses says what is taken.
        let imports = imports
            .split(',')
            .map(|i| name(i.split('(').next().unwrap_or(i)));
        (name(cells[0]), imports.filter(|i| i != "–").collect())
    })
    .collect()
}

/// Where the page's table and the code differ, one line each.
fn differences(house: &Crate, table: &[(String, BTreeSet<String>)]) -> Vec<String> {
    let mut code: BTreeMap<&str, BTreeMap<&str, &Import>> = BTreeMap::new();
    let imports = house.imports();
    for import in &imports {
        let (from, to) = (room(&import.from), room(&import.to));
        if from != to {
            code.entry(from).or_default().entry(to).or_insert(import);
        }
    }
    let mut wrong = Vec::new();
    let listed: BTreeSet<&String> = table.iter().map(|(room, _)| room).collect();
    for room in house.rooms() {
        if !listed.contains(room) {
            wrong.push(format!("`{room}` is not on the page"));
        }
    }
    let mut above: BTreeSet<&str> = BTreeSet::new();
    for (room, imports) in table {
        if !house.rooms().contains(room) {
            wrong.push(format!("`{room}` is on the page only"));
        }
        let used = code.remove(room.as_str()).unwrap_or_default();
        for (to, import) in &used {
            let Import { from, item, .. } = import;
            if !imports.contains(*to) {
                wrong.push(format!(
                    "`{room}` imports `{to}`, which its row does not say: {from} names {item}"
                ));
            }
            if !above.contains(to) {
                wrong.push(format!(
                    "`{room}` imports `{to}`, which is not above it: {from} names {item}"
                ));
            }
        }
        for to in imports.iter().filter(|to| !used.contains_key(to.as_str())) {
            wrong.push(format!("`{room}` does not import `{to}`, as its row says"));
        }
        above.insert(room);
    }
    wrong
}

fn shown(circle: &[&Import]) -> String {
    let steps = circle
        .iter()
        .map(|i| format!("{} names {}", i.from, i.item));
    format!("{}\n", steps.collect::<Vec<_>>().join("\n  "))
}

#[test]
fn rooms_import_what_the_page_says_and_only_rooms_above_them() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page");
    let wrong = differences(&house(), &table(&page));
    assert!(
        wrong.is_empty(),
        "docs/ARCHITECTURE.md:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let imports = house().imports();
    let circles: Vec<String> = circles(&imports).iter().map(|c| shown(c)).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn no_type_name_occurs_twice() {
    let house = house();
    let twice: Vec<String> = house
        .types()
        .into_iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

#[test]
fn a_long_file_says_why_it_is_long() {
    let house = house();
    let mut wrong = Vec::new();
    for file in house.files().into_iter().chain(house.test_files()) {
        let text = fs::read_to_string(root().join("src").join(file)).expect("a file of src/");
        let lines = text.lines().count();
        let mut head = text.lines().take_while(|line| line.starts_with("//!"));
        if lines > TOO_LONG {
            wrong.push(format!("{file}: {lines} lines; the most is {TOO_LONG}"));
        } else if lines > LONG && !head.any(|line| line.contains(REASON)) {
            wrong.push(format!(
                "{file}: {lines} lines, and no \"{REASON}…\" in its head"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_of_src_is_part_of_the_crate() {
    fn below(folder: &Path, files: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("a folder of src/") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(&path, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let path = path.strip_prefix(root().join("src")).expect("below src/");
                files.insert(path.display().to_string());
            }
        }
    }
    let mut present = BTreeSet::from([]);
    below(&root().join("src"), &mut present);
    let house = house();
    let used = house.files().into_iter().chain(house.test_files());
    let used: BTreeSet<String> = used.chain(["main.rs"]).map(str::to_owned).collect();
    assert_eq!(present, used);
}

/// A path of two parts or more is written from the root or from `src/`; `x.rs` stands for what is to be added.
#[test]
fn every_file_that_the_pages_name_is_there() {
    let mut absent = Vec::new();
    for page in ["CONTRIBUTING.md", "docs/ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(page)).expect("the page");
        let spans = text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_path = |span: &&str| {
            let ends = [".rs", ".toml", ".md", "/"];
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
            let nested = span.trim_end_matches('/').contains('/');
            nested && ends.iter().any(|end| span.ends_with(end)) && span.chars().all(plain)
        };
        let is_new = |span: &&str| span.split('/').any(|part| part == "x.rs");
        for path in spans.filter(is_path).filter(|span| !is_new(span)) {
            let folders = ["", "src"].map(|folder| root().join(folder).join(path));
            if !folders.iter().any(|path| path.exists()) {
                absent.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(absent.is_empty(), "{}", absent.join("\n"));
}

#[test]
fn the_toolchain_in_use_is_the_oldest_that_is_promised() {
    let value = |file: &str, key: &str| {
        let text = fs::read_to_string(root().join(file)).expect("a file of the repository");
        let line = text.lines().find_map(|l| l.strip_prefix(key));
        let value = line.unwrap_or_else(|| panic!("{file} has no `{key}`"));
        value.trim_matches([' ', '=', '"']).to_owned()
    };
    let promised = value("Cargo.toml", "rust-version");
    assert_eq!(
        value("rust-toolchain.toml", "channel"),
        format!("{promised}.0")
    );
    let image = value("Dockerfile", "FROM rust:");
    assert!(image.starts_with(&format!("{promised}.0-")), "{image}");
}

// ----- the rules themselves -------------------------------------------------------------------------

/// A crate of the given files.
fn made_of(files: &[(&str, &str)]) -> Crate {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    Crate::read(&|file| files.get(file).cloned())
}

fn arrows(house: &Crate) -> Vec<String> {
    let mut arrows: Vec<String> = house
        .imports()
        .iter()
        .map(|i| format!("{} -> {}", i.from, i.to))
        .collect();
    arrows.dedup();
    arrows
}

#[test]
fn imports_lead_to_the_file_that_defines_the_item() {
    let house = made_of(&[
        ("lib.rs", "pub mod a;\npub mod b;\npub use b::two::Two;"),
        (
            "a.rs",
            "use crate::b::{One, two::Two as Second};\nuse std::fmt;\nfn f(_: fmt::Error) -> crate::Two { todo!() }",
        ),
        (
            "b/mod.rs",
            "mod one;\npub mod two;\npub use one::One;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more { use crate::a::f; }",
        ),
        (
            "b/one.rs",
            "use super::two;\npub struct One;\nfn g() { println!(\"{}\", two::h()); }",
        ),
        (
            "b/two.rs",
            "//! [`crate::a::f`]\npub struct Two;\npub(super) fn h() -> u8 { 0 }",
        ),
        ("b/tests.rs", "use crate::a::f;"),
    ]);
    let expected = [
        "a.rs -> b/one.rs",
        "a.rs -> b/two.rs",
        "b/mod.rs -> b/one.rs",
        "b/one.rs -> b/two.rs",
    ];
    assert_eq!(arrows(&house), expected);
    assert!(circles(&house.imports()).is_empty());
    assert_eq!(
        house.test_files().into_iter().collect::<Vec<_>>(),
        ["b/tests.rs"]
    );
}

#[test]
fn attributes_globs_and_inline_paths_are_imports_too() {
    let house = made_of(&[
        ("lib.rs", "pub mod a;\npub mod b;\npub mod c;\npub mod d;"),
        (
            "a.rs",
            "#[derive(Deserialize)]\nstruct A { #[serde(with = \"crate::b::text\")] x: u8 }",
        ),
        ("b.rs", "use crate::c::*;"),
        (
            "c.rs",
            "fn f() { let _ = if true { vec![crate::d::X] } else { vec![] }; }",
        ),
        ("d.rs", "pub const X: u8 = 0;"),
        ("main.rs", "mod e;\nuse kmsim::d;"),
        ("e.rs", "use kmsim::c::f;\nfn g() -> u8 { crate::d::X }"),
    ]);
    let expected = [
        "a.rs -> b.rs",
        "b.rs -> c.rs",
        "c.rs -> d.rs",
        "e.rs -> c.rs",
        "e.rs -> d.rs",
    ];
    assert_eq!(arrows(&house), expected);
}

#[test]
fn a_circle_is_found_inside_a_folder_too() {
    let house = made_of(&[
        ("lib.rs", "pub mod a;"),
        ("a/mod.rs", "mod x;\nmod y;\npub use x::X;\npub struct A;"),
        ("a/x.rs", "use super::y::Y;\npub struct X(Y);"),
        (
            "a/y.rs",
            "pub struct Y;\nimpl Y { fn f() -> super::A { super::A } }",
        ),
    ]);
    let imports = house.imports();
    let circles: Vec<String> = circles(&imports).iter().map(|c| shown(c)).collect();
    assert_eq!(
        circles,
        ["a/mod.rs names a::x::X\n  a/x.rs names a::y::Y\n  a/y.rs names a::A\n"]
    );
}

#[test]
fn a_page_that_differs_from_the_code_is_refused() {
    let house = made_of(&[
        ("lib.rs", "pub mod above;\npub mod below;\npub mod more;"),
        ("above.rs", "use crate::below::B;\npub struct A;"),
        ("below.rs", "use crate::above::A;\npub struct B;"),
        ("more.rs", ""),
    ]);
    let page = "\n## Rooms (`src/`)\n\nWords.\n\n| room | holds | imports |\n|---|---|---|\n\
                | `above` | a | – |\n| `below/` | b | above (what it needs), gone |\n| `gone` | – | – |\n\n| no | room |\n";
    assert_eq!(
        differences(&house, &table(page)),
        [
            "`more` is not on the page",
            "`above` imports `below`, which its row does not say: above.rs names below::B",
            "`above` imports `below`, which is not above it: above.rs names below::B",
            "`below` does not import `gone`, as its row says",
            "`gone` is on the page only",
        ]
    );
}
