//! A disk that records its writes and syncs, so that a test can cut the power after any of them.

use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use crate::dice::Dice;

/// A disk writes a sector completely or not at all.
const SECTOR: usize = 512;

/// One call to the disk.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Write(usize, Vec<u8>),
    SetLen(usize),
    Sync,
}

impl Step {
    fn carry_out(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => write(bytes, *at, data),
            Self::SetLen(len) => bytes.resize(*len, 0),
            Self::Sync => {}
        }
    }

    /// Carries out the part that a cut of the power has left.
    fn tear(&self, bytes: &mut Vec<u8>, dice: &mut Dice) {
        match self {
            Self::Write(at, data) => {
                // A third of the writes arrive completely, a third in part, a third not at all.
                let odds = dice.roll(3);
                for (i, sector) in data.chunks(SECTOR).enumerate() {
                    if odds == 0 || (odds == 1 && dice.roll(2) == 0) {
                        write(bytes, at + i * SECTOR, sector);
                    }
                }
            }
            Self::SetLen(len) if dice.roll(2) == 0 => bytes.resize(*len, 0),
            Self::SetLen(_) | Self::Sync => {}
        }
    }
}

fn write(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

/// A backend of redb in memory. Clones share one disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    steps: Option<Vec<Step>>,
}

impl Disk {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { bytes, steps: None })))
    }

    /// Records every step from now on, and returns the bytes of the disk.
    pub(super) fn record(&self) -> Vec<u8> {
        let mut state = self.0.lock().unwrap();
        state.steps = Some(Vec::new());
        state.bytes.clone()
    }

    /// The number of recorded steps.
    pub(super) fn steps(&self) -> usize {
        self.0.lock().unwrap().steps.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.0.lock().unwrap().steps.take().unwrap_or_default()
    }

    fn remember(&self, step: Step) {
        let mut state = self.0.lock().unwrap();
        step.carry_out(&mut state.bytes);
        if let Some(steps) = &mut state.steps {
            steps.push(step);
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let state = self.0.lock().unwrap();
        let at = offset as usize;
        match state.bytes.get(at..at + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.remember(Step::SetLen(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.remember(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.remember(Step::Write(offset as usize, data.to_vec()));
        Ok(())
    }
}

/// Images of a disk whose power is cut: everything synced, and any part of the later steps, in any
/// order.
pub(super) struct Cuts<'a> {
    steps: &'a [Step],
    /// The bytes that are certain: those up to the last sync.
    synced: Vec<u8>,
    /// The number of steps before that sync.
    certain: usize,
    syncs: usize,
    /// Every so many syncs, the disk reports one that it did not do.
    skipped: Option<usize>,
}

impl<'a> Cuts<'a> {
    pub(super) fn new(start: Vec<u8>, steps: &'a [Step], skipped: Option<usize>) -> Self {
        Self { steps, synced: start, certain: 0, syncs: 0, skipped }
    }

    /// An image after `at` steps. `at` must not decrease from call to call.
    pub(super) fn image(&mut self, at: usize, dice: &mut Dice) -> Vec<u8> {
        for i in self.certain..at {
            if !matches!(self.steps[i], Step::Sync) {
                continue;
            }
            self.syncs += 1;
            if self.skipped.is_none_or(|every| !self.syncs.is_multiple_of(every)) {
                let settled = &self.steps[self.certain..=i];
                settled.iter().for_each(|step| step.carry_out(&mut self.synced));
                self.certain = i + 1;
            }
        }
        let mut image = self.synced.clone();
        let mut late: Vec<_> = self.steps[self.certain..at].iter().collect();
        if dice.roll(2) == 0 {
            for i in (1..late.len()).rev() {
                late.swap(i, dice.roll(i + 1));
            }
        }
        late.into_iter().for_each(|step| step.tear(&mut image, dice));
        image
    }
}
