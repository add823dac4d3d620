# Refinement by text (FRM) without alignment: its maps. Whose text: frm_ntu120.py, Table 5.
title = 'Refinement by text (FRM)'
reference = 'skeleton'
variants = dict(
    skeleton=dict(title='skeleton only', config='../skeleton/{plain}.py'),
    diagonal=dict(title='FRM, two diagonal maps', config='./parts/{name}_frm.py'),
    full=dict(
        title='FRM, two full matrices',
        config='./parts/{name}_frm.py',
        options={'model.co_learning.frm.matrix': 'full'},
    ),
    # Without a text that selects, refinement is a larger weight of the classification loss.
    heavier=dict(
        title='skeleton only, loss x 1.2',
        config='../skeleton/{plain}.py',
        options={'model.cls_head.loss_cls': dict(type='CrossEntropyLoss', loss_weight=1.2)},
    ),
)
