"""Lists of Kinetics clips in mmaction2's format, from the official CSV files; and the mixture Kinetics-710.

    python tools/data/kinetics.py lists data/kinetics400 --train train.csv --val validate.csv
    python tools/data/kinetics.py mix data/kinetics710 --root data --test data/kinetics{400,600,700}/test.csv

``lists`` writes ``{train,val}_list_videos.txt`` and ``label_map.txt`` beside the CSV files, for all clips that exist:
``videos/**/YOUTUBEID_000012_000022.mp4`` (or ``.mkv``, ``.webm``, ...), in any folders. Labels are indices of the sorted
class names.

``mix`` reads the output of ``lists`` for Kinetics-400, 600 and 700 under --root. A class of the mixture is one name, after
Kinetics' own renamings; a clip whose YouTube id is in a validation list, or a CSV given by --test, is left out of training, and
each id is taken once. It writes ``{train,val}_list_videos.txt``, ``label_map.txt``, and ``map_kinetics400.json``, ...: for each
label of that set, its label in the mixture.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from mplug2.datasets.io.annotations import read_columns, read_lines
from mplug2.datasets.io.files import find_media
from mplug2.utils.files import write_text

SETS = ('kinetics400', 'kinetics600', 'kinetics700')
# Names of one class in an earlier and a later edition. Merging them leaves the 710 classes of the mixture's name.
RENAMED = {
    'balloon blowing': 'inflating balloons',
    'changing wheel': 'changing wheel (not on bike)',
    'cooking sausages': 'cooking sausages (not on barbeque)',
    'drinking': 'sipping cup',
    'dying hair': 'dyeing hair',
    'garbage collecting': 'person collecting garbage',
    'hugging': 'hugging (not baby)',
    'making bed': 'making the bed',
    'opening bottle': 'opening bottle (not wine)',
    'skiing (not slalom or crosscountry)': 'skiing mono',
    'throwing ball (not baseball or American football)': 'throwing ball',
}


def find_clips(root: Path) -> dict[str, str]:
    """Name without suffix -> path below `root`, for every clip in it."""
    return {path.stem: path.relative_to(root).as_posix() for path in find_media(root, 'video')}


def clip_name(youtube_id: str, start: str, end: str) -> str | None:
    """A clip's name without suffix; None where the times of its row are blank or no numbers, as in rows that a spreadsheet
    has spoilt."""
    try:
        return f'{youtube_id}_{int(float(start)):06d}_{int(float(end)):06d}'
    except (ValueError, OverflowError):
        return None


def youtube_id(path: str) -> str:
    """YouTube's eleven characters, which may be underscores, at the start of a clip's name."""
    return Path(path).stem[:11]


def write_lists(folder: Path, files: dict[str, Path]) -> dict[str, tuple[int, int]]:
    """Write the lists and the label map of a set.

    Args:
        files: part -> CSV.

    Returns:
        part -> (number of clips listed, number of clips of the CSV that are missing).
    """
    clips = find_clips(folder / 'videos')
    rows = {part: read_columns(file, ['label', 'youtube_id', 'time_start', 'time_end']) for part, file in files.items()}
    names = sorted({label for clip_rows in rows.values() for label, *_ in clip_rows})
    write_text(folder / 'label_map.txt', '\n'.join(names) + '\n')
    counts = {}
    for part, clip_rows in rows.items():
        lines = [f'{clips[name]} {names.index(label)}' for label, *clip in clip_rows if (name := clip_name(*clip)) in clips]
        write_text(folder / f'{part}_list_videos.txt', ''.join(f'{line}\n' for line in lines))
        counts[part] = (len(lines), len(clip_rows) - len(lines))
    return counts


def mixture_classes(label_maps: dict[str, list[str]]) -> tuple[list[str], dict[str, list[int]]]:
    """Sorted classes of the mixture, and for each set its labels in the mixture."""
    renamed = {name: [RENAMED.get(label, label) for label in labels] for name, labels in label_maps.items()}
    classes = sorted({label for labels in renamed.values() for label in labels})
    label_of = {label: number for number, label in enumerate(classes)}
    return classes, {name: [label_of[label] for label in labels] for name, labels in renamed.items()}


def mix(root: Path, out: Path, held_out: Iterable[str] = (), sets: Iterable[str] = SETS) -> dict[str, int]:
    """Write the mixture.

    Args:
        root: folder of the sets. held_out: YouTube ids excluded from training, beside those of validation.

    Returns:
        counts of classes, of clips in each list, and of clips left out.
    """
    maps = {name: read_lines(root / name / 'label_map.txt') for name in sets}
    classes, labels_of = mixture_classes(maps)
    lists: dict[str, list[tuple[str, int]]] = {'train': [], 'val': []}
    for part in lists:
        for name in maps:
            for line in read_lines(root / name / f'{part}_list_videos.txt'):
                path, _, label = line.rpartition(' ')
                lists[part].append((f'{name}/videos/{path}', labels_of[name][int(label)]))
    seen = set(held_out) | {youtube_id(path) for path, _ in lists['val']}
    counts = dict(classes=len(classes), held_out=0, repeated=0)
    kept: dict[str, list[tuple[str, int]]] = {'train': [], 'val': []}
    taken: set[str] = set()
    for path, label in lists['train']:
        key = youtube_id(path)
        if key in seen:
            counts['held_out'] += 1
        elif key in taken:
            counts['repeated'] += 1
        else:
            taken.add(key)
            kept['train'].append((path, label))
    once = {}
    for path, label in lists['val']:
        once.setdefault(youtube_id(path), (path, label))
    kept['val'] = list(once.values())
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / 'label_map.txt', '\n'.join(classes) + '\n')
    for name, labels in labels_of.items():
        write_text(out / f'map_{name}.json', json.dumps(labels))
    for part, entries in kept.items():
        write_text(out / f'{part}_list_videos.txt', ''.join(f'{path} {label}\n' for path, label in entries))
        counts[part] = len(entries)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    lists = commands.add_parser('lists')
    lists.add_argument('folder', type=Path, help='of one set')
    lists.add_argument('--train', default='train.csv', help='name of the CSV in the folder')
    lists.add_argument('--val', default='validate.csv')
    mixed = commands.add_parser('mix')
    mixed.add_argument('out', type=Path)
    mixed.add_argument('--root', type=Path, default=Path('data'), help='folder of kinetics400, kinetics600 and kinetics700')
    mixed.add_argument('--test', type=Path, nargs='*', default=[], help='CSV files of tests')
    args = parser.parse_args()
    if args.command == 'lists':
        files = {'train': args.folder / args.train, 'val': args.folder / args.val}
        counts = write_lists(args.folder, files)
        for part, (listed, missing) in counts.items():
            print(f'{part}: {listed} clips listed, {missing} of the CSV are missing')
        empty = [str(files[part]) for part, (listed, _) in counts.items() if not listed]
        if empty:
            sys.exit(f'{args.folder / "videos"} has no clip of {" and ".join(empty)}: names are YOUTUBEID_000012_000022.mp4')
        return
    ids = [key for file in args.test for (key,) in read_columns(file, ['youtube_id'])]
    counts = mix(args.root, args.out, ids)
    print(', '.join(f'{key} {count}' for key, count in counts.items()))
    if not args.test:
        print('no --test: clips of the tests were not left out of training')
    if counts['classes'] != 710:
        sys.exit(f'{counts["classes"]} classes, not 710: compare {args.out / "label_map.txt"} with the names in the CSV files')


if __name__ == '__main__':
    main()
