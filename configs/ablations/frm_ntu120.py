# Whose text features refine; Table 5 of the paper, which has BLIP and MiniGPT-4.
# python tools/ablation.py configs/ablations/frm_ntu120.py --processes 2
_base_ = './_base_/text.py'

title = 'Refinement by text (FRM): models'
models = dict(blip='BLIP', llava='LLaVA', deepseek_vl='DeepSeek-VL')
variants = {
    name: dict(
        title=f'FRM, {model}',
        options=dict(text_file=f'data/ntu120/text_{name}/hidden_states.safetensors'),
        prepare=[
            dict(
                makes=f'data/ntu120/text_{name}/hidden_states.safetensors',
                command=(
                    'data/extract_text_features.py',
                    f'configs/preparation/text_{name}.py',
                    'data/ntu120/composites',
                    f'data/ntu120/text_{name}',
                ),
            )
        ],
    )
    for name, model in models.items()
}
ctrsgcn = {'model.backbone.type': 'CTRSGCN'}
variants['ctrsgcn_skeleton'] = dict(
    title='CTRS-GCN, skeleton only',
    config='../skeleton/ctrgcn_mmcl110e_ntu120.py',
    options=ctrsgcn,
    reference='ctrsgcn_skeleton',
)
variants['ctrsgcn_blip'] = dict(
    title='CTRS-GCN, FRM, BLIP',
    options={**variants['blip']['options'], **ctrsgcn},
    prepare=variants['blip']['prepare'],
    reference='ctrsgcn_skeleton',
)
