# Refinement (FRM) by feature files; children add a variant a file. The first run extracts it.
reference = 'skeleton'
config = './parts/ctrgcn_hdgraph_ntu120_frm.py'
fill = dict(
    text='model.co_learning.frm.text_channels',
    loader='train_dataloader.dataset.pipeline.0.file',
)
variants = dict(
    skeleton=dict(title='skeleton only', config='../skeleton/ctrgcn_hdgraph_ntu120.py'),
)
