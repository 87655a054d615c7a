//! Which file of a crate names what another one defines.
//!
//! A file imports another where its code names an item that the other defines, in a `use` or in a path. Re-exports
//! and renamed imports are followed to the file that defines the item; naming a module alone imports nothing, for
//! what is taken from it is named after it. `pub use` in a `mod.rs` is an import as any other. Left out: tests
//! (`#[cfg(test)]`), doc comments, and methods, which no path names.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::Visit;

/// The names of modules from the root of the crate down; the root itself is empty.
pub type ModulePath = Vec<String>;

/// A crate, read from the text of its files.
#[derive(Default)]
pub struct Crate {
    modules: BTreeMap<ModulePath, Module>,
    /// Files of tests, which are not part of the house.
    tests: BTreeSet<String>,
}

#[derive(Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    /// What its `use` lines bring in, under the names that it then has here.
    names: BTreeMap<String, Vec<String>>,
    /// Paths of two names or more, as written.
    paths: Vec<Vec<String>>,
    /// Modules and types that it takes whole (`use x::*`).
    globs: Vec<Vec<String>>,
    types: Vec<String>,
}

/// One file names an item of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub to: String,
    /// The item as the importing file reaches it.
    pub item: String,
}

impl Crate {
    /// Reads the library whose root is `lib.rs` and the program whose root is `main.rs`, if there is one, following
    /// `mod` declarations. `read` gives a file's text by its path below `src/`, `None` where there is no such file.
    pub fn read(read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut house = Self::default();
        house.add_file(Vec::new(), "lib.rs", read);
        if read("main.rs").is_some()
            && let Some(mut library) = house.modules.remove(&Vec::new())
        {
            // One root for both: what is `crate` in the library is `kmsim` in the program.
            house.add_file(Vec::new(), "main.rs", read);
            let program = house.modules.remove(&Vec::new()).expect("a root");
            library.children.extend(program.children);
            house.modules.insert(Vec::new(), library);
        }
        house
    }

    /// The files, tests left out.
    pub fn files(&self) -> BTreeSet<&str> {
        self.modules.values().map(|m| m.file.as_str()).collect()
    }

    /// The files that only tests use.
    pub fn test_files(&self) -> BTreeSet<&str> {
        self.tests.iter().map(String::as_str).collect()
    }

    /// The modules just below the root: the rooms.
    pub fn rooms(&self) -> &BTreeSet<String> {
        &self.modules[&Vec::new()].children
    }

    /// Names of types and traits, each with the files that define one of that name.
    pub fn types(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for module in self.modules.values() {
            for name in &module.types {
                types.entry(name).or_default().push(&module.file);
            }
        }
        types
    }

    /// Every import from one file to another; what the root names and what is taken from the root do not count.
    pub fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (path, module) in &self.modules {
            let used = module.names.values();
            for written in used.chain(&module.paths).chain(&module.globs) {
                let Some(absolute) = self.absolute(path, written) else {
                    continue;
                };
                let glob = module.globs.contains(written);
                let Some(definer) = self.definer(&absolute, glob) else {
                    continue;
                };
                let to = &self.modules[&definer].file;
                if !path.is_empty() && !definer.is_empty() && *to != module.file {
                    imports.insert(Import {
                        from: module.file.clone(),
                        to: to.clone(),
                        item: absolute.join("::"),
                    });
                }
            }
        }
        imports
    }

    /// A path as written in a module, from the root down; `None` where it leads out of the crate.
    fn absolute(&self, module: &[String], written: &[String]) -> Option<Vec<String>> {
        let (first, rest) = written.split_first()?;
        let mut base = module.to_vec();
        match first.as_str() {
            "crate" | "kmsim" => base.clear(),
            "self" => {}
            "super" => {
                base.pop()?;
                let supers = rest.iter().take_while(|s| *s == "super").count();
                base.truncate(base.len() - supers);
                base.extend(rest[supers..].iter().cloned());
                return Some(base);
            }
            child if self.modules[module].children.contains(child) => base.push(child.to_owned()),
            name => {
                let brought = self.modules[module].names.get(name)?;
                if brought.first() == Some(first) {
                    return None; // a crate that is imported whole, or a macro of this file
                }
                base = self.absolute(module, brought)?;
            }
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The module that defines the item at an absolute path; `None` where the path names a module (and `whole` is not
    /// wanted) or leads out of the crate.
    fn definer(&self, absolute: &[String], whole: bool) -> Option<ModulePath> {
        let mut path = absolute.to_vec();
        // Each turn follows one re-export.
        for _ in 0..16 {
            let mut module = ModulePath::new();
            let mut rest = path.as_slice();
            while let [name, more @ ..] = rest {
                let here = &self.modules[&module];
                let last = more.is_empty();
                if here.children.contains(name) && !(last && here.names.contains_key(name)) {
                    module.push(name.clone());
                    rest = more;
                } else {
                    break;
                }
            }
            let [name, more @ ..] = rest else {
                return whole.then_some(module);
            };
            let Some(brought) = self.modules[&module].names.get(name) else {
                return Some(module);
            };
            if brought.first() == Some(name) && !self.modules[&module].children.contains(name) {
                return Some(module);
            }
            let mut next = self.absolute(&module, brought)?;
            next.extend(more.iter().cloned());
            path = next;
        }
        panic!("{} re-exports itself", absolute.join("::"));
    }

    fn add_file(&mut self, path: ModulePath, file: &str, read: &dyn Fn(&str) -> Option<String>) {
        self.add_module(path, file, &parse(file, read).items, read);
    }

    fn add_tests(&mut self, path: &[String], read: &dyn Fn(&str) -> Option<String>) {
        let file = file_of(path, read);
        for item in parse(&file, read).items {
            // What a path leads to is a file of `tests`, which others share.
            if let syn::Item::Mod(child @ syn::ItemMod { content: None, .. }) = item
                && !child.attrs.iter().any(|a| a.path().is_ident("path"))
            {
                self.add_tests(&[path, &[child.ident.to_string()]].concat(), read);
            }
        }
        self.tests.insert(file);
    }

    fn add_module(
        &mut self,
        path: ModulePath,
        file: &str,
        items: &[syn::Item],
        read: &dyn Fn(&str) -> Option<String>,
    ) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        let module_reader = &mut Reader {
            module: &mut module,
        };
        for item in items {
            module_reader.visit_item(item);
        }
        for item in items {
            let syn::Item::Mod(child) = item else {
                continue;
            };
            let name = child.ident.to_string();
            let mut below = path.clone();
            below.push(name.clone());
            if is_test(&child.attrs) {
                if child.content.is_none() {
                    self.add_tests(&below, read);
                }
                continue;
            }
            module.children.insert(name);
            match &child.content {
                Some((_, items)) => self.add_module(below, file, items, read),
                None => {
                    let file = file_of(&below, read);
                    self.add_file(below, &file, read);
                }
            }
        }
        self.modules.insert(path, module);
    }
}

fn parse(file: &str, read: &dyn Fn(&str) -> Option<String>) -> syn::File {
    let text = read(file).unwrap_or_else(|| panic!("{file} is declared and absent"));
    syn::parse_file(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The file of a module that is declared without a body.
fn file_of(path: &[String], read: &dyn Fn(&str) -> Option<String>) -> String {
    let flat = format!("{}.rs", path.join("/"));
    if read(&flat).is_some() {
        flat
    } else {
        format!("{}/mod.rs", path.join("/"))
    }
}

/// Whether an item is there for tests only: `#[cfg(test)]`, alone or among other conditions.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let syn::Meta::List(list) = &a.meta else {
            return false;
        };
        let condition = list.tokens.to_string();
        let mut words = condition.split(|c: char| !c.is_alphanumeric());
        list.path.is_ident("cfg") && words.any(|word| word == "test") && !condition.contains("not")
    })
}

/// Gathers what one module names.
struct Reader<'a> {
    module: &'a mut Module,
}

impl Reader<'_> {
    fn use_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            if name != "self" || before.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        match tree {
            syn::UseTree::Path(p) => self.use_tree(&with(&p.ident), &p.tree),
            syn::UseTree::Name(n) => {
                let path = with(&n.ident);
                let name = path.last().expect("a name").clone();
                self.module.names.insert(name, path);
            }
            syn::UseTree::Rename(r) if r.rename == "_" => self.module.paths.push(with(&r.ident)),
            syn::UseTree::Rename(r) => {
                let name = r.rename.to_string();
                self.module.names.insert(name, with(&r.ident));
            }
            syn::UseTree::Glob(_) => self.module.globs.push(before.to_vec()),
            syn::UseTree::Group(g) => {
                for tree in &g.items {
                    self.use_tree(before, tree);
                }
            }
        }
    }

    fn path(&mut self, segments: Vec<String>) {
        if segments.len() > 1 {
            self.module.paths.push(segments);
        }
    }

    /// Paths among the tokens of a macro call or of an attribute: names joined by `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        let ended = std::mem::take(&mut path);
                        self.path(ended);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
                other => {
                    let ended = std::mem::take(&mut path);
                    self.path(ended);
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        // serde names functions in text: `with = "module::function"`.
                        TokenTree::Literal(literal) => {
                            let text = literal.to_string();
                            if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) {
                                self.visit_path(&path);
                            }
                        }
                        TokenTree::Ident(_) | TokenTree::Punct(_) => {}
                    }
                }
            }
        }
        self.path(path);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(_) => return, // a module of its own
            syn::Item::Use(i) => &i.attrs,
            syn::Item::Fn(i) => &i.attrs,
            syn::Item::Impl(i) => &i.attrs,
            syn::Item::Const(i) => &i.attrs,
            syn::Item::Static(i) => &i.attrs,
            syn::Item::Struct(i) => &i.attrs,
            syn::Item::Enum(i) => &i.attrs,
            syn::Item::Trait(i) => &i.attrs,
            syn::Item::Type(i) => &i.attrs,
            syn::Item::Macro(i) => &i.attrs,
            _ => &Vec::new(),
        };
        if is_test(attributes) {
            return;
        }
        let defined = match item {
            syn::Item::Struct(i) => Some(&i.ident),
            syn::Item::Enum(i) => Some(&i.ident),
            syn::Item::Trait(i) => Some(&i.ident),
            syn::Item::Type(i) => Some(&i.ident),
            syn::Item::Union(i) => Some(&i.ident),
            _ => None,
        };
        self.module.types.extend(defined.map(ToString::to_string));
        syn::visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(path.segments.iter().map(|s| s.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    // `pub(super)` and `pub(in …)` open a door; they take nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// Circles of imports: for each group of files that reach one another, its shortest way round.
pub fn circles(imports: &BTreeSet<Import>) -> Vec<Vec<&Import>> {
    let mut from: BTreeMap<&str, Vec<&Import>> = BTreeMap::new();
    for import in imports {
        from.entry(&import.from).or_default().push(import);
    }
    let mut circles: Vec<Vec<&Import>> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for &start in from.keys() {
        let Some(round) = way_round(start, &from) else {
            continue;
        };
        let files = || round.iter().map(|i| i.from.as_str());
        if !files().any(|file| seen.contains(file)) {
            seen.extend(files());
            circles.push(round);
        }
    }
    circles
}

/// The shortest way from a file back to itself.
fn way_round<'a>(
    start: &'a str,
    from: &BTreeMap<&'a str, Vec<&'a Import>>,
) -> Option<Vec<&'a Import>> {
    let mut came_by: BTreeMap<&str, &Import> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for &import in from.get(file).into_iter().flatten() {
            let to = import.to.as_str();
            if came_by.contains_key(to) {
                continue;
            }
            came_by.insert(to, import);
            if to == start {
                let mut round = vec![import];
                while round[0].from != start {
                    round.insert(0, came_by[round[0].from.as_str()]);
                }
                return Some(round);
            }
            queue.push_back(to);
        }
    }
    None
}
