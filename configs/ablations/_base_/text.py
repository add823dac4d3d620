# Refinement (FRM) by feature files; children add a variant a file. The first run extracts it.
reference = 'skeleton'
config = './parts/ctrgcn_ntu120_frm.py'
variants = dict(
    skeleton=dict(title='skeleton only', config='../skeleton/ctrgcn_mmcl110e_ntu120.py'),
)
