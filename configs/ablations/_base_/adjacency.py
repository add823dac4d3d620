# The adjacency that the backbone starts from, with co-learning; Table 8 of the paper.
title = 'Adjacency'
config = '../mmcl/{name}.py'
reference = 'natural'
hd_graph = dict(_delete_=True, type='HDGraph', layout='{layout}')
variants = dict(
    natural=dict(
        title='natural edges',
        options={
            'model.backbone.graph_cfg': dict(
                _delete_=True, type='SkeletonGraph', layout='{edges}', mode='spatial'
            )
        },
    ),
    hd_graph=dict(
        title='HD-Graph, levels merged',
        options={'model.backbone.graph_cfg': dict(center=1, flatten='union', **hd_graph)},
    ),
    hd_graph_center2=dict(
        title='HD-Graph, levels merged, centre of mass 2',
        options={'model.backbone.graph_cfg': dict(center=2, flatten='union', **hd_graph)},
    ),
    hd_graph_levels=dict(
        title='HD-Graph, one subset per level',
        options={'model.backbone.graph_cfg': dict(center=1, flatten='levels', **hd_graph)},
    ),
)
