//! A hash table from keys to their places in a list that holds them.

/// Places by hash; the table holds no keys, so whoever asks tells whether a place is the right one.
///
/// Open addressing with linear steps, at most half full. A slot is the hash above and the place below, so that growing
/// looks at no key and a search looks at one that is wrong about once in four thousand millions.
#[derive(Default)]
pub(super) struct Places {
    /// A power of two of slots, or none.
    slots: Vec<u64>,
    used: usize,
}

const EMPTY: u64 = u64::MAX;

impl Places {
    /// The place with this hash that is the right one.
    pub(super) fn find(&self, hash: u32, is_right: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != EMPTY {
            let (found, place) = ((self.slots[slot] >> 32) as u32, self.slots[slot] as u32);
            if found == hash && is_right(place) {
                return Some(place);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// Adds a place; the caller has seen that it is not there.
    pub(super) fn add(&mut self, hash: u32, place: u32) {
        if 2 * (self.used + 1) > self.slots.len() {
            self.grow();
        }
        self.put(u64::from(hash) << 32 | u64::from(place));
        self.used += 1;
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; (4 * self.slots.len()).max(16)];
        let old = std::mem::replace(&mut self.slots, larger);
        old.into_iter().filter(|&slot| slot != EMPTY).for_each(|slot| self.put(slot));
    }

    fn put(&mut self, entry: u64) {
        let mask = self.slots.len() - 1;
        let mut slot = (entry >> 32) as usize & mask;
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = entry;
    }
}
