//! A disk on which recorded operations are done again: which bytes and names are there, and which of them are durable.
//!
//! Takes a [`Log`]; gives, after each of its operations, what is found when everything stops then. Files and folders are nodes, names are entries of folders, as
//! on a real disk, so that a file that was synced keeps its bytes through a rename, and one that was not has none under its new name. Changes that are
//! not durable are kept in a list, of which [`Lost::Torn`] draws some.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Log, Lost, Step, Tree, lay_out};
use crate::base::Seed;
use crate::base::files::FileError;

/// A change of a folder's entries: in which folder, which name, what it then stands for.
type Edit = (usize, OsString, Option<usize>);

/// What of a file is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Write { at: u64, bytes: Arc<[u8]> },
    Length(u64),
}

#[derive(Clone, Debug)]
enum Node {
    File { now: Arc<Vec<u8>>, kept: Arc<Vec<u8>>, changes: Vec<Change> },
    Folder { now: BTreeMap<OsString, usize>, kept: BTreeMap<OsString, usize> },
}

/// A disk on which a log is done again, step by step: which bytes and names are there, and which of them are durable.
#[derive(Clone, Debug)]
pub struct Disk<'a> {
    log: &'a Log,
    done: usize,
    /// The recorded folder is the first.
    nodes: Vec<Node>,
    open: HashMap<u64, usize>,
    /// Changes of entries that are not durable, in order; the edits of one are one step.
    edits: Vec<Vec<Edit>>,
}

impl<'a> Disk<'a> {
    /// The disk as the recording began.
    pub fn of(log: &'a Log) -> Disk<'a> {
        let root = Node::Folder { now: BTreeMap::new(), kept: BTreeMap::new() };
        let mut disk = Disk { log, done: 0, nodes: vec![root], open: HashMap::new(), edits: Vec::new() };
        for (path, bytes) in &log.start {
            disk.add(path, bytes.clone());
        }
        for node in &mut disk.nodes {
            match node {
                Node::File { now, kept, .. } => kept.clone_from(now),
                Node::Folder { now, kept } => kept.clone_from(now),
            }
        }
        disk.edits.clear();
        disk
    }

    /// The disk after the first `steps` operations.
    pub fn after(log: &'a Log, steps: usize) -> Disk<'a> {
        let mut disk = Disk::of(log);
        while disk.done < steps && disk.advance() {}
        disk
    }

    /// How many operations were done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Does the next operation; whether there was one.
    pub fn advance(&mut self) -> bool {
        let Some(step) = self.log.steps.get(self.done) else { return false };
        self.done += 1;
        match step {
            Step::Open { path, file } => {
                let node = self.find(path).or_else(|| self.add(path, Some(Vec::new())));
                self.open.extend(node.map(|node| (*file, node)));
            }
            Step::Write { path, file, at, bytes } => {
                self.change(path, Some(*file), Change::Write { at: *at, bytes: bytes.clone() })
            }
            Step::SetLength { path, file, length } => self.change(path, Some(*file), Change::Length(*length)),
            Step::SyncFile { path, file } => {
                let node = self.opened(path, *file);
                if let Some(Node::File { now, kept, changes }) = node.and_then(|node| self.nodes.get_mut(node)) {
                    kept.clone_from(now);
                    changes.clear();
                }
            }
            Step::SyncFolder(path) => self.sync_folder(path),
            Step::Rename { from, to } => {
                if let (Some(node), Some(from), Some(to)) = (self.find(from), self.entry(from), self.entry(to)) {
                    self.edit(vec![(from.0, from.1, None), (to.0, to.1, Some(node))]);
                }
            }
            Step::Remove(path) => {
                if let Some((folder, name)) = self.entry(path) {
                    self.edit(vec![(folder, name, None)]);
                }
            }
            Step::MakeFolder(path) => drop(self.add(path, None)),
        }
        true
    }

    /// What is found when everything stops now.
    pub fn wake(&self, lost: Lost) -> Tree {
        let mut folders: Vec<BTreeMap<OsString, usize>> = self.nodes.iter().map(|node| entries(node, lost)).collect();
        if let Lost::Torn(seed) = lost {
            let mut draws = seed.named("entries").at(self.done as u64).draws();
            for (folder, name, node) in self.edits.iter().filter(|_| draws.chance(0.5)).flatten() {
                if let Some(entries) = folders.get_mut(*folder) {
                    set(entries, name, *node);
                }
            }
        }
        let mut tree = Tree::new();
        let mut open = vec![(0, PathBuf::new())];
        while let Some((node, path)) = open.pop() {
            for (name, &inner) in folders.get(node).into_iter().flatten() {
                let path = path.join(name);
                match self.nodes.get(inner) {
                    Some(Node::File { now, kept, changes }) => {
                        let bytes = match lost {
                            Lost::Nothing => now.to_vec(),
                            Lost::Unsynced => kept.to_vec(),
                            Lost::Torn(seed) => torn(kept, changes, seed.at(self.done as u64).at(inner as u64)),
                        };
                        tree.insert(path, Some(bytes));
                    }
                    Some(Node::Folder { .. }) => {
                        tree.insert(path.clone(), None);
                        open.push((inner, path));
                    }
                    None => {}
                }
            }
        }
        tree
    }

    /// Lays out below a folder, which must not be there or be empty, what is found when everything stops now.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn lay_out(&self, folder: &Path, lost: Lost) -> Result<(), FileError> {
        lay_out(&self.wake(lost), folder)
    }

    fn find(&self, path: &Path) -> Option<usize> {
        path.iter().try_fold(0, |node, name| match self.nodes.get(node)? {
            Node::Folder { now, .. } => now.get(name).copied(),
            Node::File { .. } => None,
        })
    }

    /// The folder that holds a name, and the name.
    fn entry(&self, path: &Path) -> Option<(usize, OsString)> {
        Some((self.find(path.parent()?)?, path.file_name()?.to_owned()))
    }

    fn opened(&self, path: &Path, file: Option<u64>) -> Option<usize> {
        file.and_then(|file| self.open.get(&file).copied()).or_else(|| self.find(path))
    }

    /// A new file or, without bytes, folder.
    fn add(&mut self, path: &Path, bytes: Option<Vec<u8>>) -> Option<usize> {
        let (folder, name) = self.entry(path)?;
        let node = self.nodes.len();
        self.nodes.push(match bytes {
            Some(now) => Node::File { now: Arc::new(now), kept: Arc::default(), changes: Vec::new() },
            None => Node::Folder { now: BTreeMap::new(), kept: BTreeMap::new() },
        });
        self.edit(vec![(folder, name, Some(node))]);
        Some(node)
    }

    fn change(&mut self, path: &Path, file: Option<u64>, change: Change) {
        let node = self.opened(path, file);
        if let Some(Node::File { now, changes, .. }) = node.and_then(|node| self.nodes.get_mut(node)) {
            write(Arc::make_mut(now), &change);
            changes.push(change);
        }
    }

    fn edit(&mut self, edits: Vec<Edit>) {
        for (folder, name, node) in &edits {
            if let Some(Node::Folder { now, .. }) = self.nodes.get_mut(*folder) {
                set(now, name, *node);
            }
        }
        self.edits.push(edits);
    }

    /// What was done in the folder becomes durable, with what was done before in the other folders of its renames: a journal has an order.
    fn sync_folder(&mut self, path: &Path) {
        let Some(folder) = self.find(path) else { return };
        let mut reached = BTreeSet::from([folder]);
        let mut durable = vec![false; self.edits.len()];
        for (number, edits) in self.edits.iter().enumerate().rev() {
            if edits.iter().any(|(folder, ..)| reached.contains(folder)) {
                reached.extend(edits.iter().map(|(folder, ..)| *folder));
                durable[number] = true;
            }
        }
        for (edits, is_durable) in std::mem::take(&mut self.edits).into_iter().zip(durable) {
            if !is_durable {
                self.edits.push(edits);
                continue;
            }
            for (folder, name, node) in &edits {
                if let Some(Node::Folder { kept, .. }) = self.nodes.get_mut(*folder) {
                    set(kept, name, *node);
                }
            }
        }
    }
}

/// A folder's entries before what is torn is drawn.
fn entries(node: &Node, lost: Lost) -> BTreeMap<OsString, usize> {
    match (node, lost) {
        (Node::Folder { now, .. }, Lost::Nothing) => now.clone(),
        (Node::Folder { kept, .. }, _) => kept.clone(),
        (Node::File { .. }, _) => BTreeMap::new(),
    }
}

fn set(entries: &mut BTreeMap<OsString, usize>, name: &OsString, node: Option<usize>) {
    match node {
        Some(node) => entries.insert(name.clone(), node),
        None => entries.remove(name),
    };
}

fn write(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => {
            let (from, to) = (*at as usize, *at as usize + bytes.len());
            if file.len() < to {
                file.resize(to, 0);
            }
            file[from..to].copy_from_slice(bytes);
        }
        Change::Length(length) => file.resize(*length as usize, 0),
    }
}

/// A file of whose changes a part arrived: some of them and a piece of the next, or the lengths of all and zeros for some of the bytes.
fn torn(kept: &[u8], changes: &[Change], seed: Seed) -> Vec<u8> {
    let mut file = kept.to_vec();
    let mut draws = seed.draws();
    let zeros = draws.chance(0.5);
    let whole = draws.below(changes.len() as u64 + 1) as usize;
    for (number, change) in changes.iter().enumerate() {
        match change {
            _ if number < whole => write(&mut file, change),
            Change::Write { at, bytes } if zeros || number == whole => {
                let cut = draws.below(bytes.len() as u64 + 1) as usize;
                let mut part = bytes[..cut].to_vec();
                if zeros {
                    part.resize(bytes.len(), 0);
                }
                write(&mut file, &Change::Write { at: *at, bytes: part.into() });
            }
            Change::Length(_) if zeros => write(&mut file, change),
            _ => {}
        }
        if !zeros && number >= whole {
            break;
        }
    }
    file
}
