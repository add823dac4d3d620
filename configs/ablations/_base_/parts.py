# Alignment and refinement, apart and together.
title = 'Parts of co-learning'
reference = 'skeleton'
variants = dict(
    skeleton=dict(title='skeleton only', config='../skeleton/{plain}.py'),
    fam=dict(title='alignment (FAM)', config='./parts/{name}_fam.py'),
    frm=dict(title='refinement (FRM)', config='./parts/{name}_frm.py'),
    both=dict(title='both (MMCL)', config='../mmcl/{name}.py'),
)
