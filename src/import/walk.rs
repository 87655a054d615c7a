//! The files below the given paths, in the order in which they are read.
//!
//! There may be millions of them: a file's name takes the bytes in which it differs from the name before.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A path that is no file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The path.
    pub path: PathBuf,
    /// Why it is not read.
    pub reason: String,
    /// Whether the import is incomplete by it.
    pub is_fault: bool,
}

/// Whether a path stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What a path is called where people read it.
pub fn shown(path: &Path) -> String {
    if is_stdin(path) {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// What there is to know of a file, behind links; of standard input, where the system has a name for it.
fn metadata(path: &Path) -> io::Result<fs::Metadata> {
    fs::metadata(if is_stdin(path) {
        Path::new("/dev/stdin")
    } else {
        path
    })
}

/// Names that are packed together, so that one is found by unpacking few.
const BLOCK: u32 = 16;

/// Names of one folder, the first of them in full.
#[derive(Debug)]
struct NameBlock {
    /// The number of its first file.
    first: u32,
    folder: u32,
    /// Where it begins in the bytes.
    at: usize,
}

/// Names in the order of folders and names. Each is what it has in common with the beginning and the end of the one before, and the rest.
#[derive(Debug, Default)]
struct PackedNames {
    folders: Vec<PathBuf>,
    blocks: Vec<NameBlock>,
    bytes: Vec<u8>,
    files: u32,
}

impl PackedNames {
    /// Adds the names of a folder, which are in order.
    fn add<'n>(&mut self, folder: &Path, names: impl Iterator<Item = &'n str>) {
        let number = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
        self.folders.push(folder.to_path_buf());
        let mut before: &[u8] = b"";
        for (i, name) in names.enumerate() {
            let name = name.as_bytes();
            if i % BLOCK as usize == 0 {
                before = b"";
                self.blocks.push(NameBlock {
                    first: self.files,
                    folder: number,
                    at: self.bytes.len(),
                });
            }
            let pairs = before.iter().zip(name);
            let begin = pairs.take_while(|(a, b)| a == b).count();
            let pairs = before[begin..].iter().rev().zip(name[begin..].iter().rev());
            let end = pairs.take_while(|(a, b)| a == b).count();
            let own = &name[begin..name.len() - end];
            // No name is longer than 255 bytes here.
            for length in [begin, end, own.len()] {
                self.bytes.push(u8::try_from(length).unwrap_or(u8::MAX));
            }
            self.bytes.extend_from_slice(own);
            before = name;
            self.files += 1;
        }
    }

    /// The path of a file.
    fn path(&self, file: u32) -> PathBuf {
        let block = self.blocks.partition_point(|b| b.first <= file) - 1;
        let block = &self.blocks[block];
        let mut rest = &self.bytes[block.at..];
        let mut name: Vec<u8> = Vec::new();
        for _ in block.first..=file {
            let [begin, end, own] = [rest[0], rest[1], rest[2]].map(usize::from);
            let (text, behind) = rest[3..].split_at(own);
            let mut next = Vec::with_capacity(begin + own + end);
            next.extend_from_slice(&name[..begin]);
            next.extend_from_slice(text);
            next.extend_from_slice(&name[name.len() - end..]);
            (name, rest) = (next, behind);
        }
        self.folders[block.folder as usize].join(String::from_utf8_lossy(&name).as_ref())
    }
}

/// Files in the order in which they are read.
#[derive(Debug, Default)]
pub struct FileList {
    packed: PackedNames,
    /// Paths that the user gave, and those whose names are odd; numbered behind the packed ones.
    others: Vec<PathBuf>,
    order: Vec<u32>,
}

impl FileList {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn of_number(&self, file: u32) -> PathBuf {
        match file.checked_sub(self.packed.files) {
            Some(other) => self.others[other as usize].clone(),
            None => self.packed.path(file),
        }
    }

    /// The path of the one in this place.
    pub fn path(&self, place: usize) -> Option<PathBuf> {
        self.order.get(place).map(|file| self.of_number(*file))
    }

    /// All paths, in order.
    pub fn iter(&self) -> impl Iterator<Item = PathBuf> {
        self.order.iter().map(|file| self.of_number(*file))
    }
}

/// All files below the paths, by the time in their names and then by folder and name, so that the deliveries of several trails of
/// one time come after each other; and what could not be read. Links inside folders are not followed: nothing outside the
/// given paths is read, and no folder twice. A pipe that is itself among the paths is a file like others.
pub fn files(paths: &[PathBuf]) -> (FileList, Vec<Obstacle>) {
    let mut walk = FolderWalk::default();
    for path in without_inner(paths) {
        match metadata(path) {
            Ok(meta) if meta.is_dir() => walk.below(path),
            // A pipe inside a folder may lie about; named, it was meant to be read.
            Ok(meta) => {
                if walk.is_new(&meta) {
                    walk.others.push(path.clone());
                }
            }
            Err(_) if is_stdin(path) => walk.others.push(path.clone()),
            Err(e) => walk.obstacles.push(unreadable(path, &e)),
        }
    }
    walk.finish()
}

/// The paths without those that are another one, or lie below it: a file that two of them lead to is read once.
fn without_inner(paths: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    let whole = |path: &PathBuf| match is_stdin(path) {
        true => None,
        false => fs::canonicalize(path).ok(),
    };
    let wholes: Vec<Option<PathBuf>> = paths.iter().map(whole).collect();
    let known: std::collections::HashMap<PathBuf, usize> = wholes
        .iter()
        .enumerate()
        .rev()
        .filter_map(|(i, whole)| Some((whole.clone()?, i)))
        .collect();
    let is_outer = move |i: usize| {
        wholes[i].as_ref().is_none_or(|whole| {
            let mut folders = whole.ancestors();
            folders.next();
            known.get(whole) == Some(&i) && !folders.any(|folder| known.contains_key(folder))
        })
    };
    paths
        .iter()
        .enumerate()
        .filter(move |(i, _)| is_outer(*i))
        .map(|(_, path)| path)
}

fn unreadable(path: &Path, e: &io::Error) -> Obstacle {
    Obstacle {
        path: path.to_path_buf(),
        reason: format!("cannot be read: {e}"),
        is_fault: true,
    }
}

/// What has been found so far.
#[derive(Default)]
struct FolderWalk {
    packed: PackedNames,
    others: Vec<PathBuf>,
    /// The time in the name of each packed file.
    times: Vec<u64>,
    obstacles: Vec<Obstacle>,
    /// Files that have several names, and pipes.
    known: HashSet<(u64, u64)>,
}

impl FolderWalk {
    /// Whether a file has not been found by another of its names.
    #[cfg(unix)]
    fn is_new(&mut self, meta: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let may_be_twice = meta.nlink() > 1 || !meta.is_file();
        !may_be_twice || self.known.insert((meta.dev(), meta.ino()))
    }

    /// Whether a file has not been found by another of its names: this system does not say.
    #[cfg(not(unix))]
    fn is_new(&mut self, _: &fs::Metadata) -> bool {
        let _ = &self.known;
        true
    }

    /// All files below a folder: its own by name, then those of its folders.
    fn below(&mut self, folder: &Path) {
        let mut open = vec![folder.to_path_buf()];
        while let Some(folder) = open.pop() {
            let mut folders = self.folder(&folder);
            folders.sort_unstable();
            open.extend(folders.into_iter().rev());
        }
    }

    /// The files of a folder; returns the folders in it.
    fn folder(&mut self, folder: &Path) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) => {
                self.obstacles.push(unreadable(folder, &e));
                return folders;
            }
        };
        // Names after each other, and where each begins.
        let (mut names, mut begins) = (String::new(), Vec::<usize>::new());
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    self.obstacles.push(unreadable(folder, &e));
                    continue;
                }
            };
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(e) => {
                    self.obstacles.push(unreadable(&entry.path(), &e));
                    continue;
                }
            };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if !meta.is_file() {
                self.obstacles.push(aside(&entry.path(), &meta));
            } else if self.is_new(&meta) {
                match entry.file_name().to_str() {
                    Some(name) if name.len() <= usize::from(u8::MAX) => {
                        begins.push(names.len());
                        names.push_str(name);
                    }
                    Some(_) | None => self.others.push(entry.path()),
                }
            }
        }
        begins.push(names.len());
        let mut all: Vec<u32> = (0..).take(begins.len() - 1).collect();
        let name = |i: &u32| &names[begins[*i as usize]..begins[*i as usize + 1]];
        all.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        self.times.extend(all.iter().map(|i| delivered(name(i))));
        if !all.is_empty() {
            self.packed.add(folder, all.iter().map(name));
        }
        folders
    }

    fn finish(mut self) -> (FileList, Vec<Obstacle>) {
        let name = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default();
            delivered(&name.to_string_lossy())
        };
        self.others.sort_unstable();
        self.times.extend(self.others.iter().map(name));
        let mut order: Vec<u32> = (0..).take(self.times.len()).collect();
        order.sort_unstable_by_key(|file| (self.times[*file as usize], *file));
        self.obstacles.sort_by(|a, b| a.path.cmp(&b.path));
        let list = FileList {
            packed: self.packed,
            others: self.others,
            order,
        };
        (list, self.obstacles)
    }
}

/// What is in a folder and is neither a file nor a folder.
fn aside(path: &Path, meta: &fs::Metadata) -> Obstacle {
    let (reason, is_fault) = if !meta.file_type().is_symlink() {
        ("is not a regular file".to_owned(), false)
    } else {
        match fs::metadata(path) {
            Ok(_) => ("is a link; name its target to read it".to_owned(), false),
            Err(e) => (format!("is a broken link: {e}"), true),
        }
    };
    Obstacle {
        path: path.to_path_buf(),
        reason,
        is_fault,
    }
}

/// The time in the name of a delivered file as a number of 14 digits: `…_20260302T0305Z_…` of CloudTrail, `2026-03-02-03-05-09-…` of
/// access logs. 0: none.
fn delivered(name: &str) -> u64 {
    let number = |digits: &str| digits.parse().unwrap_or(0);
    let part = |text: &str| {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let plain = text.len() == 14 && text.as_bytes()[8] == b'T' && text.ends_with('Z');
        (plain && digits.len() == 12).then(|| number(&digits) * 100)
    };
    if let Some(time) = name.split('_').find_map(part) {
        return time;
    }
    let mut parts = name.splitn(7, '-');
    let mut time = String::new();
    for length in [4, 2, 2, 2, 2, 2] {
        match parts.next() {
            Some(p) if p.len() == length && p.bytes().all(|b| b.is_ascii_digit()) => {
                time.push_str(p);
            }
            Some(_) | None => return 0,
        }
    }
    number(&time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_by_the_time_in_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = [
            "b/1_CloudTrail_us-east-1_20260302T0305Z_x.json.gz",
            "a/1_CloudTrail_us-east-1_20260302T0310Z_x.json.gz",
            "a/2026-03-02-03-07-00-ABC",
            "a/README",
        ];
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(path, "x").expect("written");
        }
        let (found, obstacles) = files(&[folder.path().to_path_buf()]);
        let order: Vec<usize> = found
            .iter()
            .map(|f| {
                let at = |n: &&str| folder.path().join(n) == f;
                names.iter().position(at).expect("a file")
            })
            .collect();
        assert_eq!((order, obstacles), (vec![3, 0, 2, 1], vec![]));
        // Whatever it is called, a file is read once.
        let again = folder.path().join("a/../a/README");
        let (found, _) = files(&[folder.path().to_path_buf(), again]);
        assert_eq!(found.len(), 4);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_what_is_not_there_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(folder.path(), path("loop")).expect("a link");
        std::os::unix::fs::symlink("/nowhere/at/all", path("broken")).expect("a link");
        fs::write(path("file"), "x").expect("written");
        let (found, obstacles) = files(&[folder.path().to_path_buf(), path("absent")]);
        assert_eq!(found.iter().collect::<Vec<_>>(), [path("file")]);
        let told: Vec<(PathBuf, bool)> = obstacles
            .into_iter()
            .map(|o| (o.path, o.is_fault))
            .collect();
        assert_eq!(
            told,
            [
                (path("absent"), true),
                (path("broken"), true),
                (path("loop"), false)
            ]
        );
    }

    #[test]
    fn names_are_unpacked_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut all = Vec::new();
        for i in 0..100_u64 {
            let random = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let name = match i % 10 {
                0 => format!("{i}"),
                1 => "é".repeat(1 + i as usize),
                2 => "a".repeat(1 + i as usize),
                _ => format!(
                    "1_CloudTrail_eu-west-3_20260302T03{:02}Z_{random:016x}.json.gz",
                    i % 60
                ),
            };
            all.push(folder.path().join(format!("{}/{name}", i % 3)));
        }
        for path in &all {
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(path, "x").expect("written");
        }
        let (found, obstacles) = files(&[folder.path().to_path_buf()]);
        let mut found: Vec<PathBuf> = found.iter().collect();
        found.sort();
        all.sort();
        all.dedup();
        assert_eq!((found, obstacles), (all, vec![]));
    }
}
