# Alignment with images (FAM) and its encoder, without refinement; Table 4 of the paper.
title = 'Alignment with images (FAM) and its encoder'
reference = 'skeleton'
resnet34 = dict(type='ImageEncoder', backbone=dict(type='mmaction.ResNet', depth=34))
variants = dict(
    skeleton=dict(title='skeleton only', config='../skeleton/{plain}.py'),
    resnet34=dict(
        title='FAM, ResNet-34',
        config='./parts/{name}_fam.py',
        options={
            'model.co_learning.image_encoder': dict(_delete_=True, pretrained='default', **resnet34)
        },
    ),
    inception_v3=dict(
        title='FAM, Inception-V3',
        config='./parts/{name}_fam.py',
        options={
            'model.co_learning.image_encoder': dict(
                _delete_=True, type='InceptionV3', pretrained='default'
            )
        },
    ),
)
