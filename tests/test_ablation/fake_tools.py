"""Stand-ins for ``train.py`` and ``test.py`` without torch, beside the real ``ablation.py``."""

import shutil
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]

TRAIN = """
import os, re, sys, time
from pathlib import Path
config = Path(sys.argv[1]).read_text()
work = Path(sys.argv[sys.argv.index('--work-dir') + 1])
work.mkdir(parents=True, exist_ok=True)
last = work / 'last_checkpoint'
begun = int(re.search(r'epoch_(\\d+)', last.read_text())[1]) if last.exists() else 0
with open(work / 'starts.txt', 'a') as file:
    print(begun, '--no-validate' in sys.argv, file=file)
for epoch in range(begun + 1, 4):
    time.sleep(float(re.search(r'seconds=([\\d.]+)', config)[1]))
    (work / f'epoch_{epoch}.pth').write_text('')
    last.write_text(str(work / f'epoch_{epoch}.pth'))
    print(f'Epoch(train) [{epoch}][1/1]', flush=True)
    if 'fails=True' in config:
        raise SystemExit('error: there is something wrong')
(work / 'config.py').write_text(config)
"""

TEST = """
import json, re, sys
from pathlib import Path
config = Path(sys.argv[1]).read_text()
assert Path(sys.argv[2]).is_file()
folder = Path(sys.argv[sys.argv.index('--work-dir') + 1]) / 'now'
folder.mkdir(parents=True)
seed = int(re.search(r'seed=(\\d+)', config)[1])
lr = float(re.search(r'lr=([\\d.]+)', config)[1])
(folder / 'now.json').write_text(json.dumps({'acc/top1': lr + seed / 100, 'time': 1.0}))
"""

CONFIG = """
model = dict(type='Nothing', fails={fails})
train_dataloader = dict(num_workers=2, batch_size=4)
test_dataloader = dict(num_workers=2)
val_dataloader = dict(num_workers=2)
train_cfg = dict(max_epochs=3, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=0.1, seconds={seconds}))
randomness = dict(seed=0)
"""


def write_tools(folder: Path) -> Path:
    folder.mkdir()
    (folder / 'train.py').write_text(TRAIN)
    (folder / 'test.py').write_text(TEST)
    (folder / 'make.py').write_text('import sys; open(sys.argv[1], "w").write("made")')
    shutil.copy(REPO / 'tools' / 'ablation.py', folder)
    return folder


def write_config(path: Path, fails: bool = False, seconds: float = 0) -> Path:
    path.write_text(CONFIG.format(fails=fails, seconds=seconds))
    return path


def write_declaration(path: Path, variants: str, head: str = "config = 'config.py'") -> Path:
    path.write_text(f'{head}\nvariants = {variants}\n')
    return path


LR = "{'optim_wrapper.optimizer.lr': 0.2}"

SCORING_TEST = """
import json, pickle, re, sys
from pathlib import Path
config = Path(sys.argv[1]).read_text()
folder = Path(sys.argv[sys.argv.index('--work-dir') + 1]) / 'now'
folder.mkdir(parents=True)
wrong = round(float(re.search(r'lr=([\\d.]+)', config)[1]) * 10)
def scores(i):
    label = i % 2
    margin = -1.0 if i == wrong else 2.0
    return [margin * (label == 0), margin * (label == 1)]
items = [dict(sample_name=f's{i}', gt_label=i % 2, pred_score=scores(i)) for i in range(8)]
with open(sys.argv[sys.argv.index('--dump') + 1], 'wb') as file:
    pickle.dump(items, file)
(folder / 'now.json').write_text(json.dumps({'acc/top1': 7 / 8}))
"""
