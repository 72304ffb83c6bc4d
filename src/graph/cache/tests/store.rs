//! The cache by itself: files, limits, threads.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::tempdir;

use super::super::mark;
use super::*;

fn open(folder: &Path, limit: u64) -> Cache<Numbers> {
    Cache::on_disk(folder, limit, CODEC).unwrap()
}

fn put(cache: &Cache<Numbers>, number: u64, len: usize, seconds: f64) -> bool {
    cache.put(name(number), &Arc::new(vec![number; len]), (8 * len as u64, seconds))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| !path.ends_with("lock") && !path.ends_with(mark::TAG)).collect()
}

fn bytes(folder: &Path) -> u64 {
    files(folder).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[test]
fn results_of_an_earlier_process_are_there_again() {
    let folder = tempdir().unwrap();
    {
        let cache = open(folder.path(), 1 << 20);
        assert!(put(&cache, 1, 3, 1.5) && put(&cache, 2, 10_000, 2.5));
    }
    let cache = open(folder.path(), 1 << 20);
    assert_eq!((cache.stats().results, cache.seconds(name(2))), (2, Some(2.5)));
    let (small, large) = (cache.get(name(1)).unwrap(), cache.get(name(2)).unwrap());
    assert_eq!((small.small().clone(), small.bytes, small.digest), (vec![1; 3], 24, Some(name(1))));
    assert!(matches!(large.place(), Place::File(..)), "80 kB are not read before they are used");
    assert_eq!(*large.value().unwrap(), vec![2; 10_000]);
    assert!(cache.get(name(3)).is_none());
    assert_eq!(cache.stats().found, 2);
}

#[test]
fn large_result_stays_readable_after_it_has_left_the_cache() {
    let folder = tempdir().unwrap();
    let cache = open(folder.path(), 90_000);
    assert!(put(&cache, 1, 10_000, 1.0));
    let held = cache.get(name(1)).unwrap();
    assert!(put(&cache, 2, 10_000, 1.0) && !cache.contains(name(1)));
    assert_eq!(*held.value().unwrap(), vec![1; 10_000]);
}

#[test]
fn second_process_is_kept_out_of_a_folder_in_use() {
    let folder = tempdir().unwrap();
    let first = open(folder.path(), 1000);
    let error = Cache::on_disk(folder.path(), 1000, CODEC).err().unwrap();
    assert!(matches!(error, CacheError::InUse { .. }), "{error}");
    drop(first);
    open(folder.path(), 1000);
}

#[test]
fn what_a_kill_left_half_written_is_cleared_away() {
    let folder = tempdir().unwrap();
    drop(open(folder.path(), 1000));
    fs::write(folder.path().join("7.part"), [0; 100]).unwrap();
    fs::write(folder.path().join(name(4).to_string()), [0; 10]).unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    fs::write(folder.path().join("download.part"), "mine").unwrap();
    let cache = open(folder.path(), 1000);
    assert_eq!((cache.stats().results, files(folder.path()).len()), (0, 2), "what is not ours stays");
}

#[test]
fn folder_without_the_mark_is_refused_and_stays_as_it_is() {
    for (file, content) in [("download.part", "half"), ("lock", "mine"), (mark::TAG, "Signature: another's\n")] {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(file), content).unwrap();
        let error = Cache::on_disk(folder.path(), 1000, CODEC).err().unwrap();
        assert!(matches!(&error, CacheError::Foreign { found, .. } if found == Path::new(file)), "{error}");
        assert!(Cache::<Numbers>::is_at(folder.path()).is_err());
        assert_eq!(fs::read_to_string(folder.path().join(file)).unwrap(), content);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn folder_is_one_of_results_once_it_is_marked() {
    let folder = tempdir().unwrap();
    let at = folder.path().join("kept");
    assert!(!Cache::<Numbers>::is_at(&at).unwrap());
    fs::create_dir(&at).unwrap();
    fs::write(at.join(mark::TAG), "Signature: 8a47").unwrap();
    assert!(!Cache::<Numbers>::is_at(&at).unwrap(), "a mark that a kill cut short");
    drop(open(&at, 1000));
    assert!(Cache::<Numbers>::is_at(&at).unwrap());
    assert!(
        fs::read_to_string(at.join(mark::TAG)).unwrap().starts_with("Signature: 8a477f597d28d172789f06886806bc55\n")
    );
}

#[test]
fn cleared_folder_is_gone_unless_somebody_put_a_file_there() {
    let folder = tempdir().unwrap();
    let at = folder.path().join("kept");
    for mine in [None, Some(at.join("thesis.txt"))] {
        let cache = open(&at, 1 << 20);
        assert!(put(&cache, 1, 3, 1.0));
        fs::write(at.join("9.part"), "").unwrap();
        mine.iter().for_each(|path| fs::write(path, "x").unwrap());
        cache.clear().unwrap();
        let left: Vec<_> = at
            .is_dir()
            .then(|| fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()))
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(left, Vec::from_iter(mine));
    }
}

#[test]
fn result_under_another_name_is_not_taken() {
    let folder = tempdir().unwrap();
    put(&open(folder.path(), 1000), 1, 3, 1.0);
    fs::rename(folder.path().join(name(1).to_string()), folder.path().join(name(2).to_string())).unwrap();
    let cache = open(folder.path(), 1000);
    assert!(cache.contains(name(2)) && cache.get(name(2)).is_none() && !cache.contains(name(2)));
}

#[test]
fn folder_that_vanishes_costs_the_results_and_nothing_else() {
    let folder = tempdir().unwrap();
    let cache = open(folder.path(), 1 << 20);
    assert!(put(&cache, 1, 3, 1.0));
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(!put(&cache, 2, 3, 1.0));
    assert!(cache.get(name(1)).is_none());
    assert_eq!((cache.stats().failed, cache.stats().results), (1, 0));
}

#[test]
fn smaller_limit_on_opening_again_makes_room_by_cost() {
    let folder = tempdir().unwrap();
    {
        let cache = open(folder.path(), 1 << 20);
        (0..10).for_each(|number| assert!(put(&cache, number, 100, number as f64)));
    }
    let one = bytes(folder.path()) / 10;
    let cache = open(folder.path(), 3 * (one + 256));
    let left: Vec<u64> = (0..10).filter(|&number| cache.contains(name(number))).collect();
    assert_eq!((left, files(folder.path()).len()), (vec![7, 8, 9], 3));
}

#[test]
fn memory_holds_to_its_limit_and_drops_what_leaves() {
    let cache = Cache::in_memory(3000);
    let value = Arc::new(vec![1; 100]);
    for number in 0..20 {
        assert!(cache.put(name(number), &value, (744, 1.0)));
    }
    assert_eq!((cache.stats().results, cache.stats().bytes), (3, 3000));
    assert_eq!(Arc::strong_count(&value), 4, "three in the cache, and ours");
    assert!(!cache.put(name(99), &value, (3000, 1e9)), "with its overhead it is too large");
}

#[test]
fn threads_share_a_cache_and_always_get_the_right_values() {
    let folder = tempdir().unwrap();
    for cache in [open(folder.path(), 40_000), Cache::in_memory(40_000)] {
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let cache = &cache;
                scope.spawn(move || {
                    for step in 0..200 {
                        let number = (thread * 7 + step * 13) % 60;
                        if let Some(held) = cache.get(name(number)) {
                            assert_eq!(*held.value().unwrap(), vec![number; 200]);
                        } else {
                            assert!(put(cache, number, 200, number as f64));
                        }
                    }
                });
            }
        });
        let stats = cache.stats();
        assert!(stats.bytes <= 40_000 && stats.results > 10 && stats.found > 0, "{stats:?}");
        assert_eq!(stats.failed, 0);
    }
    assert!(bytes(folder.path()) <= 40_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn torn_or_changed_file_is_never_read_as_good(len in 0_usize..300, at in 0.0..1.0_f64, bit in 0..8_u32, cut in any::<bool>()) {
        let folder = tempdir().unwrap();
        put(&open(folder.path(), 1 << 20), 1, len, 1.0);
        let path = folder.path().join(name(1).to_string());
        let mut content = fs::read(&path).unwrap();
        let place = (at * content.len() as f64) as usize;
        if cut {
            content.truncate(place);
        } else {
            content[place] ^= 1_u8 << bit;
        }
        let live = at > 0.5;
        let before = live.then(|| open(folder.path(), 1 << 20));
        fs::write(&path, content).unwrap();
        let cache = before.unwrap_or_else(|| open(folder.path(), 1 << 20));
        prop_assert!(cache.get(name(1)).is_none());
        prop_assert!(!path.exists() && !cache.contains(name(1)));
        prop_assert!(put(&cache, 1, len, 1.0) && cache.get(name(1)).is_some(), "it can be written again");
    }

    #[test]
    fn folder_never_holds_more_than_the_limit(limit in 500_u64..5000, lens in prop::collection::vec((0_usize..200, 0.0..9.0_f64), 1..40)) {
        let folder = tempdir().unwrap();
        let cache = open(folder.path(), limit);
        for (number, (len, seconds)) in lens.into_iter().enumerate() {
            put(&cache, number as u64, len, seconds);
            prop_assert!(bytes(folder.path()) <= limit);
            prop_assert_eq!(files(folder.path()).len(), cache.stats().results);
        }
    }
}
